/** The first half of collection: contents that nothing refers to are taken out of use. */
import type { Sha256 } from '../../domain/digest.ts';
import { textOf } from '../../index/bytes.ts';
import type { Index, Rows, Snapshot, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Key, Value } from '../../index/row.ts';
import { crcRowCount, discardBytes } from '../rows/blob-rows.ts';
import { namesHere, unlessElsewhere } from '../rows/here.ts';
import { transact } from '../rows/transaction.ts';
import { Inconsistency, soundRecord } from './inconsistency.ts';
import { inBackground } from './reaped.ts';

/** The most contents that one transaction takes out of use. */
const contentsTogether = 50;
/** The most rows of checksums that one transaction removes, unless one content alone has more. */
const crcRowsTogether = 1_000;

/** A content that may have become free: its row in the queue, and its record as it was seen. */
interface Candidate {
  readonly key: Key;
  readonly time: number;
  readonly ns: string;
  readonly sha256: Sha256;
  /** Undefined: the content has no record. */
  readonly seen: Value | undefined;
}

interface CondemnedBatch {
  /** The number of contents that were taken out of use. */
  readonly condemned: number;
  /** The number of rows of the queue that were looked at, without those of namespaces that other processes own. */
  readonly looked: number;
  /** The last row that was read. Undefined: the queue is at its end. */
  readonly last: Key | undefined;
}

/**
 * Takes the next few contents out of use whose queue rows are in `range`.
 *
 * The record of a content says whether something refers to it. Every attachment and detachment rewrites the record, so
 * a transaction that reads it comes before or after each of them. The rows of the references are read as well, at one
 * instant with the record, and the transaction continues only if the record is still the same.
 *
 * @throws Inconsistency and DATA_LOSS if the rows cannot be trusted; nothing that they are about was removed then.
 */
export async function condemnSome(
  index: Index,
  range: { readonly gte: Key; readonly lt: Key },
  itemsMax: number,
): Promise<CondemnedBatch> {
  const { candidates, last } = await readCandidates(index, range, Math.min(itemsMax, contentsTogether));
  const byNamespace = [...Map.groupBy(candidates, ({ ns }) => ns)];
  const condemned = await Promise.allSettled(
    byNamespace.map(([ns, some]) => unlessElsewhere(() => condemnOf(index, ns, some))),
  );
  const failed = condemned.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const counts = condemned.map((one) => (one.status === 'fulfilled' ? (one.value ?? 0) : 0));
  return { condemned: counts.reduce((sum, count) => sum + count, 0), looked: candidates.length, last };
}

/** Decides about contents of one namespace. Returns the number of those that were taken out of use. */
function condemnOf(index: Index, ns: string, candidates: readonly Candidate[]): Promise<number> {
  return transact(index, {
    ns,
    ...inBackground,
    reads: candidates.flatMap(({ key, sha256 }) => [key, keys.blobs.record.key(ns, sha256)]),
    *decide(tx) {
      yield candidates.flatMap(({ sha256 }) => nameKeys(tx, ns, sha256));
      return candidates.filter((candidate) => decide(tx, candidate)).length;
    },
  });
}

async function readCandidates(
  index: Index,
  range: { readonly gte: Key; readonly lt: Key },
  limit: number,
): Promise<{ readonly candidates: readonly Candidate[]; readonly last: Key | undefined }> {
  await using snapshot = index.snapshot();
  const queued: Omit<Candidate, 'seen'>[] = [];
  for await (const block of snapshot.scan({ ...range, limit }))
    for (const [key] of block) {
      const [time, ns, sha256] = keys.blobs.maybeFree.parse(key);
      queued.push({ key, time, ns, sha256 });
    }
  const here = await namesHere(
    index,
    queued.map(({ ns }) => ns),
  );
  const ours = queued.filter(({ ns }) => here.has(ns));
  const records = await snapshot.getMany(ours.map(({ ns, sha256 }) => keys.blobs.record.key(ns, sha256)));
  const candidates: Candidate[] = [];
  let crcRows = 0;
  for (const [at, one] of ours.entries()) {
    const seen = records[at];
    if (seen !== undefined) {
      const record = soundRecord(seen, one.ns, one.sha256);
      if (record.refs === 0) await requireNoReference(snapshot, one.ns, one.sha256);
      crcRows += crcRowCount(record);
    }
    if (crcRows > crcRowsTogether && candidates.length > 0)
      return { candidates, last: candidates.at(-1)!.key };
    candidates.push({ ...one, seen });
  }
  return { candidates, last: queued.at(-1)?.key };
}

async function requireNoReference(snapshot: Snapshot, ns: string, sha256: Sha256): Promise<void> {
  for await (const [[key]] of snapshot.scan({
    ...keys.blobs.reference.range(ns, sha256),
    limit: 1,
  }) as AsyncIterable<[[Key]]>) {
    const [, , kind, id] = keys.blobs.reference.parse(key);
    throw new Inconsistency(
      `the content ${sha256} in ${ns} is recorded without references, but the ${kind} ${id} refers to it`,
    );
  }
}

function nameKeys(rows: Rows, ns: string, sha256: Sha256): Key[] {
  const value = rows.value(keys.blobs.record.key(ns, sha256));
  const name = value && soundRecord(value, ns, sha256).name;
  return name === undefined ? [] : [keys.blobs.physicalName.key(ns, name)];
}

/** @returns true if the content was taken out of use. */
function decide(tx: Tx, { key, time, ns, sha256, seen }: Candidate): boolean {
  if (tx.value(key) === undefined) return false;
  const value = tx.value(keys.blobs.record.key(ns, sha256));
  const record = value && soundRecord(value, ns, sha256);
  const isIdle = record?.refs === 0 && (record.idleSince ?? time) <= time;
  if (record === undefined || !isIdle) {
    // Something refers to the content, or it became free again later and has another row for that.
    tx.write({ type: 'del', key });
    return false;
  }
  // The content has been in use in between. The row is looked at again.
  if (seen === undefined || textOf(value!) !== textOf(seen)) return false;
  requireOwnName(tx, sha256, record.name);
  discardBytes(tx, sha256, record);
  tx.del(keys.blobs.record, ns, sha256);
  tx.write({ type: 'del', key });
  return true;
}

function requireOwnName(tx: Tx, sha256: Sha256, name: string | undefined): void {
  if (name === undefined) return;
  const state = tx.get(keys.blobs.physicalName, tx.ns, name);
  if (state?.state !== 'live' || state.sha256 !== sha256)
    throw new Inconsistency(
      `the content ${sha256} in ${tx.ns} is in a file that does not belong to it: ${name}`,
    );
}
