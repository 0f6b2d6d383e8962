/** Reads rows that may be damaged. */
import { failedWith } from '../../domain/errors.ts';
import type { Examined, Reader, Snapshot } from '../../index/door.ts';
import type { Key, Value } from '../../index/row.ts';

/** A row that does not match its checksum, or lies in a block that cannot be read. */
export const damaged: unique symbol = Symbol('damaged');

/** A value, nothing, or a damaged row. */
export type ReadValue = Value | undefined | typeof damaged;

/** Returns one value per key, in the order of the keys. */
export async function valuesOf(
  reader: Pick<Reader, 'get' | 'getMany'>,
  keys: readonly Key[],
): Promise<ReadValue[]> {
  try {
    return await reader.getMany(keys);
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
  }
  const values: ReadValue[] = [];
  for (const key of keys) {
    try {
      values.push(await reader.get(key));
    } catch (error) {
      if (!failedWith(error, 'DATA_LOSS')) throw error;
      values.push(damaged);
    }
  }
  return values;
}

/** Yields the rows of a range, in blocks small enough to look up the rows that belong to them. */
export async function* examined(
  snapshot: Snapshot,
  range: { readonly gte: Key; readonly lt: Key },
): AsyncGenerator<readonly Examined[]> {
  for await (const block of snapshot.examine(range))
    for (let at = 0; at < block.length; at += blockRows) yield block.slice(at, at + blockRows);
}

const blockRows = 250;

/** Yields the rows of a range that can be read, one by one. */
export async function* readable(
  snapshot: Snapshot,
  range: { readonly gte: Key; readonly lt: Key },
): AsyncGenerator<readonly [Key, Value]> {
  for await (const block of snapshot.examine(range))
    for (const row of block) if (row.kind === 'row') yield [row.key, row.value];
}
