/** Fills the index that is to replace another: from an export, or from the remains of a damaged index. */
import { Failure } from '../../domain/errors.ts';
import type { Index, Snapshot } from '../../index/door.ts';
import type { IndexHome, Replacement } from '../../index/home.ts';
import { commitRange, keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { BroughtBack, comparableTo } from './brought-back.ts';
import { type ExportHeader, type ExportPart, ExportReader } from './export.ts';
import { RestoredCredentials, type WaitingCredentials } from './restored-credentials.ts';

/** The pause for credentials, if some have to wait. */
interface Waits {
  readonly pauseId: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/**
 * Takes an export, checked to its end.
 *
 * @param current the index that the export will replace, if it can be read. Things of the export that this index lacks
 * are marked as brought back. Credentials that this index has revoked stay revoked.
 */
export async function fillFromExport(
  replacement: Replacement,
  parts: AsyncIterable<ExportPart>,
  current: Index | undefined,
  { pauseId, now }: Waits,
): Promise<{
  readonly header: ExportHeader;
  readonly rows: number;
  readonly waiting: WaitingCredentials;
  /** The index that is replaced, if it is of the same store. */
  readonly present: Index | undefined;
}> {
  const reader = new ExportReader();
  let present: Index | undefined;
  let comparison = new BroughtBack(undefined);
  let credentials = await RestoredCredentials.over(undefined, pauseId, now);
  for await (const part of parts) {
    const rows = reader.take(part);
    if (part.kind === 'header') {
      present = await comparableTo(part.header, current);
      comparison = new BroughtBack(present);
      credentials = await RestoredCredentials.over(present, pauseId, now);
    }
    if (rows.length === 0) continue;
    await replacement.put(await credentials.of(rows));
    const brought = await comparison.of(rows);
    if (brought.length > 0) await replacement.put(brought);
  }
  return { header: reader.end(), rows: reader.rows, waiting: credentials.waiting, present };
}

/**
 * Takes every row that can be read, and counts those that cannot. A lost row may have been the revocation of a
 * credential.
 */
export async function fillFromSalvage(
  replacement: Replacement,
  home: IndexHome,
  { pauseId, now }: Waits,
): Promise<{
  readonly newest: { readonly seq: number; readonly time: number };
  readonly damaged: number;
  readonly waiting: WaitingCredentials;
}> {
  await using salvage = await home.salvage();
  const credentials = await RestoredCredentials.over(undefined, pauseId, now);
  let damaged = 0;
  for await (const block of salvage.rows()) {
    const rows = block.flatMap((row): Entry[] => (row.kind === 'row' ? [[row.key, row.value]] : []));
    damaged += block.length - rows.length;
    if (rows.length > 0) await replacement.put(await credentials.of(rows));
  }
  return { newest: salvage.newest, damaged, waiting: credentials.waiting };
}

/** True if nothing was ever pushed. */
export async function isEmpty(index: Index): Promise<boolean> {
  for await (const _ of index.scan({ ...afterStoreRows, limit: 1 })) return false;
  return true;
}

/** True if no caller has changed anything since the store was made. */
export async function isUnused(index: Index): Promise<boolean> {
  let others = 0;
  for (const range of [keys.store.namespace.range(), keys.store.policy.range(), afterStoreRows])
    for await (const block of index.scan({ ...range, limit: 2 })) others += block.length;
  // The namespace with which a store begins.
  return others <= 1;
}

/** All rows except those of the store as a whole. */
const afterStoreRows = { gte: keys.sessions.name.range().gte, lt: Uint8Array.of(0xff) };

/** Returns the refusal to fill a store that is not empty. */
export function notEmpty(): Failure {
  return new Failure(
    'STORE_NOT_EMPTY',
    'replace: must be true if the store is not empty; everything in the store is then lost',
    {
      violations: [{ field: 'replace', description: 'must be true if the store is not empty' }],
    },
  );
}

/** Yields all rows except the commits. */
export async function* blocksOf(snapshot: Snapshot): AsyncGenerator<readonly Entry[]> {
  yield* snapshot.scan({ gte: Uint8Array.of(0), lt: commitRange.gte });
  yield* snapshot.scan({ gte: commitRange.lt, lt: Uint8Array.of(0xff) });
}
