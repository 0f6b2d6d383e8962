/**
 * Works on several items at once and gives the results in the order of the items. At most `concurrencyMax` are
 * begun and not yet given. Nothing new is begun once `goOn` says no. It never ends before what was begun has ended.
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
  try {
    for await (const item of items) {
      if (begun.length >= concurrencyMax) yield await begun.shift()!;
      if (!goOn()) break;
      begun.push(work(item));
    }
    while (begun.length > 0) yield await begun.shift()!;
  } finally {
    await Promise.all(begun);
  }
}
