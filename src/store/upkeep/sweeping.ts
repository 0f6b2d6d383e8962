/** The second half of collection: files whose names were condemned long enough ago are removed. */
import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Key } from '../../index/row.ts';
import { namesHere, unlessElsewhere } from '../rows/here.ts';
import type { OnStep } from '../rows/steps.ts';
import { transact } from '../rows/transaction.ts';
import { Inconsistency } from './inconsistency.ts';
import { inBackground } from './reaped.ts';

/** The number of files that are removed before their rows are, with one transaction. */
const filesTogether = 100;
/** The removals in progress at a time: each occupies one of the few threads. */
const removalsAtOnce = 8;

interface Condemned {
  readonly key: Key;
  readonly notBefore: number;
  readonly ns: string;
  readonly name: string;
  readonly size: number;
  readonly generation: string | undefined;
  readonly again: number | undefined;
}

interface SweptBatch {
  /** The number of files whose rows this call has removed, and their bytes. */
  readonly removed: number;
  readonly bytes: number;
  /** The number of rows of the queue that were looked at, without those of namespaces that other processes own. */
  readonly looked: number;
  /** The last row that was read. Undefined: the queue is at its end. */
  readonly last: Key | undefined;
  /** The first reason for which some files could not be removed. */
  readonly failure: unknown;
}

/**
 * Removes the next few files whose queue rows are in `range`, and then those rows; a name to which a client may
 * still write gets another row. A condemned name is never used
 * again, so facts that were read about it once stay true.
 *
 * @throws Inconsistency and DATA_LOSS if the rows cannot be trusted; nothing was removed then.
 */
export async function sweepSome(
  { index, blobs: store, onStep }: { index: Index; blobs: BlobStore; onStep: OnStep | undefined },
  range: { readonly gte: Key; readonly lt: Key },
  itemsMax: number,
): Promise<SweptBatch> {
  const { condemned, last } = await readCondemned(index, range, Math.min(itemsMax, filesTogether));
  const gone: Condemned[] = [];
  let failure: unknown;
  for (let at = 0; at < condemned.length; at += removalsAtOnce) {
    const some = condemned.slice(at, at + removalsAtOnce);
    const outcomes = await Promise.allSettled(
      some.map(({ name, generation }) => store.delete(name, generation)),
    );
    for (const [which, outcome] of outcomes.entries())
      if (outcome.status === 'fulfilled') gone.push(some[which]!);
      else failure ??= outcome.reason;
  }
  if (gone.length > 0) await onStep?.('collect.swept');
  const removed = gone.length === 0 ? { removed: 0, bytes: 0 } : await forget(index, gone);
  return { ...removed, looked: condemned.length, last, failure };
}

/** Reads the row of the queue and the row of the name at one instant; they must say the same. */
async function readCondemned(
  index: Index,
  range: { readonly gte: Key; readonly lt: Key },
  limit: number,
): Promise<{ readonly condemned: readonly Condemned[]; readonly last: Key | undefined }> {
  await using snapshot = index.snapshot();
  const queued: Condemned[] = [];
  for await (const block of snapshot.scan({ ...range, limit }))
    for (const [key, value] of block) {
      const [notBefore, ns, name] = keys.blobs.condemned.parse(key);
      const { size, generation, again } = keys.blobs.condemned.decode(value);
      queued.push({ key, notBefore, ns, name, size, generation, again });
    }
  const here = await namesHere(
    index,
    queued.map(({ ns }) => ns),
  );
  const condemned = queued.filter(({ ns }) => here.has(ns));
  const states = await snapshot.getMany(
    condemned.map(({ ns, name }) => keys.blobs.physicalName.key(ns, name)),
  );
  for (const [at, { ns, name, notBefore }] of condemned.entries()) {
    const value = states[at];
    const state = value && keys.blobs.physicalName.decode(value);
    if (state?.state !== 'condemned' || state.notBefore !== notBefore)
      throw new Inconsistency(
        `the file ${name} in ${ns} is queued for removal, but the record of the file does not agree: its state is ` +
          `${state?.state ?? 'unknown'}`,
      );
  }
  return { condemned, last: queued.at(-1)?.key };
}

/** Removes the rows of files that are gone. @throws the first failure; the rows of other namespaces are removed. */
async function forget(
  index: Index,
  gone: readonly Condemned[],
): Promise<{ readonly removed: number; readonly bytes: number }> {
  const byNamespace = [...Map.groupBy(gone, ({ ns }) => ns)];
  const outcomes = await Promise.allSettled(
    byNamespace.map(([ns, some]) => unlessElsewhere(() => forgetOf(index, ns, some))),
  );
  let removed = 0;
  let bytes = 0;
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    removed += outcome.value?.removed ?? 0;
    bytes += outcome.value?.bytes ?? 0;
  }
  return { removed, bytes };
}

function forgetOf(index: Index, ns: string, gone: readonly Condemned[]) {
  return transact(index, {
    ns,
    ...inBackground,
    reads: gone.flatMap(({ key, name }) => [key, keys.blobs.physicalName.key(ns, name)]),
    *decide(tx) {
      // Another sweep may have removed some rows.
      const ours = gone.filter(
        ({ key, name }) =>
          tx.value(key) !== undefined && tx.get(keys.blobs.physicalName, ns, name)?.state === 'condemned',
      );
      for (const { key, name, size, again } of ours) {
        tx.write({ type: 'del', key });
        if (again === undefined || again <= tx.now) {
          tx.del(keys.blobs.physicalName, ns, name);
          continue;
        }
        tx.put(keys.blobs.physicalName, [ns, name], { state: 'condemned', notBefore: again });
        tx.put(keys.blobs.condemned, [again, ns, name], { size });
      }
      return { removed: ours.length, bytes: ours.reduce((sum, { size }) => sum + size, 0) };
    },
  });
}
