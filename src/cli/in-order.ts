/**
 * Works on several items at once and gives the results in the order of the items. At most `concurrencyMax` are
 * begun and not yet given. Nothing new is begun once `goOn` says no.
 *
 * @param work must not reject.
 */
export async function* mapInOrder<T, R>(
  items: AsyncIterable<T>,
  concurrencyMax: number,
  goOn: () => boolean,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const begun: Promise<R>[] = [];
  for await (const item of items) {
    if (begun.length >= concurrencyMax) yield await begun.shift()!;
    if (!goOn()) break;
    begun.push(work(item));
  }
  for (const result of begun) yield await result;
}
