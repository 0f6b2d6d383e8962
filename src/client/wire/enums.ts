/** Returns the name of an enum's value; `UNSPECIFIED` for a value of a later version. */
export function nameIn(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? 'UNSPECIFIED';
}
