/** Of an enum's value; `UNSPECIFIED` for one of a later version. */
export function nameIn(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? 'UNSPECIFIED';
}
