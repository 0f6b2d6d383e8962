/**
 * Works on several items at once and yields the results in the order of the items. At most `concurrencyMax` are begun
 * and not yet yielded. No item is begun after `goOn` has returned false. It never ends before the begun work has ended.
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
