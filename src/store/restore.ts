/** Fills the index that is to replace another: from an export, or from what is left of a damaged one. */
import { Failure } from '../domain/errors.ts';
import type { Entry, Index, Reader, Snapshot } from '../index/door.ts';
import type { IndexHome, Replacement } from '../index/home.ts';
import { artifacts, commitRange, store as keys, sessions } from '../index/keys.ts';
import { type ExportHeader, type ExportPart, ExportReader } from './export.ts';

/**
 * Takes an export, checked to its end.
 *
 * @param current the index that it will replace, if that can be read; what it lacks of the export is marked as
 * brought back.
 */
export async function fillFromExport(
  replacement: Replacement,
  parts: AsyncIterable<ExportPart>,
  current: Index | undefined,
): Promise<{ readonly header: ExportHeader; readonly rows: number }> {
  const reader = new ExportReader();
  const comparison = new Comparison(current);
  for await (const part of parts) {
    const rows = reader.take(part);
    if (part.kind === 'header') await comparison.begin(part.header);
    if (rows.length === 0) continue;
    await replacement.put(rows);
    const brought = await comparison.broughtBack(rows);
    if (brought.length > 0) await replacement.put(brought);
  }
  return { header: reader.end(), rows: reader.rows };
}

/** Takes every row that can be read, and counts what cannot. */
export async function fillFromSalvage(
  replacement: Replacement,
  home: IndexHome,
): Promise<{ readonly newest: { readonly seq: number; readonly time: number }; readonly damaged: number }> {
  await using salvage = await home.salvage();
  let damaged = 0;
  for await (const block of salvage.rows()) {
    const rows = block.flatMap((row): Entry[] => (row.kind === 'row' ? [[row.key, row.value]] : []));
    damaged += block.length - rows.length;
    if (rows.length > 0) await replacement.put(rows);
  }
  return { newest: salvage.newest, damaged };
}

/** True if nothing was ever pushed. */
export async function isEmpty(index: Index): Promise<boolean> {
  for await (const _ of index.scan({ ...afterStoreRows, limit: 1 })) return false;
  return true;
}

/** Everything but what belongs to the store as a whole. */
const afterStoreRows = { gte: sessions.name.range().gte, lt: Uint8Array.of(0xff) };

export function notEmpty(): Failure {
  return new Failure(
    'STORE_NOT_EMPTY',
    'replace: the store is not empty; say so if what it holds is to be lost',
    {
      violations: [{ field: 'replace', description: 'the store is not empty' }],
    },
  );
}

/** The store's id; empty if it has none yet. */
export async function storeIdIn(reader: Reader): Promise<string> {
  const value = await reader.get(keys.setting.key('storeId'));
  return value === undefined ? '' : String(keys.setting.decode(value));
}

/** All rows but the commits. */
export async function* blocksOf(snapshot: Snapshot): AsyncGenerator<readonly Entry[]> {
  yield* snapshot.scan({ gte: Uint8Array.of(0), lt: commitRange.gte });
  yield* snapshot.scan({ gte: commitRange.lt, lt: Uint8Array.of(0xff) });
}

/**
 * Finds what an export brings back: artifacts and sessions that the store it came from has deleted since. Another
 * store's export cannot be compared.
 */
class Comparison {
  private readonly index: Index | undefined;
  private isSame = false;

  constructor(index: Index | undefined) {
    this.index = index;
  }

  async begin(header: ExportHeader): Promise<void> {
    if (this.index === undefined) return;
    await using snapshot = this.index.snapshot();
    this.isSame = header.storeId !== '' && (await storeIdIn(snapshot)) === header.storeId;
  }

  async broughtBack(rows: readonly Entry[]): Promise<Entry[]> {
    const { index } = this;
    if (index === undefined || !this.isSame) return [];
    const candidates = rows.filter(
      ([key]) => key[0] === artifacts.record.code || key[0] === sessions.record.code,
    );
    const present = await index.getMany(candidates.map(([key]) => key));
    return candidates.filter((_row, at) => present[at] === undefined).map(([key]) => cameBackRow(key));
  }
}

function cameBackRow(key: Uint8Array): Entry {
  const isArtifact = key[0] === artifacts.record.code;
  const [ns, id] = isArtifact ? artifacts.record.parse(key) : sessions.record.parse(key);
  const parts = [isArtifact ? 'artifact' : 'session', ns, id] as const;
  return [keys.cameBack.key(...parts), keys.cameBack.encode(true)];
}
