/** Streams that are sorted by the same text, read side by side. */

/** The items of two streams under one text. */
interface Pair<L, R> {
  readonly group: string;
  readonly left: L | undefined;
  readonly right: R | undefined;
}

type Grouped<T> = readonly [group: string, value: T];

/** Yields a full outer join. Both streams must ascend, each text once. */
export async function* joined<L, R>(
  left: AsyncIterable<Grouped<L>>,
  right: AsyncIterable<Grouped<R>>,
): AsyncGenerator<Pair<L, R>> {
  const lefts = left[Symbol.asyncIterator]();
  const rights = right[Symbol.asyncIterator]();
  try {
    let l = await lefts.next();
    let r = await rights.next();
    while (!l.done || !r.done) {
      const leftGroup = l.done ? undefined : l.value[0];
      const rightGroup = r.done ? undefined : r.value[0];
      const takesLeft = leftGroup !== undefined && (rightGroup === undefined || leftGroup <= rightGroup);
      const takesRight = rightGroup !== undefined && (leftGroup === undefined || rightGroup <= leftGroup);
      yield {
        group: (takesLeft ? leftGroup : rightGroup)!,
        left: takesLeft && !l.done ? l.value[1] : undefined,
        right: takesRight && !r.done ? r.value[1] : undefined,
      };
      if (takesLeft) l = await lefts.next();
      if (takesRight) r = await rights.next();
    }
  } finally {
    await lefts.return?.();
    await rights.return?.();
  }
}

/** Combines consecutive items under one text into one. */
export async function* grouped<T, A>(
  items: AsyncIterable<Grouped<T>>,
  start: (item: T) => A,
  add: (sum: A, item: T) => A,
): AsyncGenerator<Grouped<A>> {
  let group: string | undefined;
  let sum: A | undefined;
  for await (const [itemGroup, item] of items) {
    if (itemGroup === group) sum = add(sum as A, item);
    else {
      if (group !== undefined) yield [group, sum as A];
      group = itemGroup;
      sum = start(item);
    }
  }
  if (group !== undefined) yield [group, sum as A];
}
