/** The newest state of an index that can be made from an export and the segments after it. */
import { Buffer } from 'node:buffer';
import type { ExportFile, ExportFiles } from '../../blobs/export-files.ts';
import { Failure } from '../../domain/errors.ts';
import { decodeRow } from '../../index/engine/stored-row.ts';
import { keys } from '../../index/keys.ts';
import type { Entry, Key, Value } from '../../index/row.ts';
import { type ExportHeader, type ExportPart, ExportReader, exportRows } from './export.ts';
import type { ExportFormat } from './exports.ts';
import { decodeSegment, type ShippedBatch, segmentOf } from './segments.ts';

/** The place of the exports and segments of a store. */
export interface Shipped {
  readonly exports: ExportFiles;
  readonly segments: ExportFiles;
}

/** The bytes of an export that are read at once. */
const readBytes = 1024 * 1024;

/**
 * Yields the newest whole export with the changes of all segments after it, without a gap, as one export.
 *
 * @param onFound called with what was found, in words, before the first row.
 * @throws Failure STORE_UNAVAILABLE if the place has no whole export.
 */
export async function* rebuilt(
  { exports, segments }: Shipped,
  format: ExportFormat,
  onFound: (message: string) => void,
): AsyncGenerator<ExportPart> {
  for (const file of (await exports.list()).toReversed()) {
    const header = await wholeHeader(exports, file, format);
    if (header === undefined) continue;
    const { changes, last, count, stopped } = await changesAfter(segments, header);
    const until = last ?? { seq: header.commit, time: header.time };
    onFound(
      `the export ${file.name} and ${count} segments: up to commit ${until.seq} of ` +
        `${new Date(until.time).toISOString()}${stopped}`,
    );
    yield { kind: 'header', header: { ...header, commit: until.seq, time: until.time } };
    yield* exportRows(merged(rowsOf(exports, file, format), changes));
    return;
  }
  throw new Failure('STORE_UNAVAILABLE', 'no whole export was found in the place of the exports');
}

/** Returns the header if all parts of the export are as they were written. */
async function wholeHeader(
  exports: ExportFiles,
  file: ExportFile,
  format: ExportFormat,
): Promise<ExportHeader | undefined> {
  const reader = new ExportReader();
  try {
    for await (const part of format.parts(bytesOf(exports, file))) reader.take(part);
    return reader.end();
  } catch (error) {
    if (error instanceof Failure && error.reason !== 'STORE_UNAVAILABLE') return undefined;
    throw error;
  }
}

async function* rowsOf(
  exports: ExportFiles,
  file: ExportFile,
  format: ExportFormat,
): AsyncGenerator<Entry[]> {
  const reader = new ExportReader();
  for await (const part of format.parts(bytesOf(exports, file))) {
    const rows = reader.take(part);
    if (rows.length > 0) yield rows;
  }
  reader.end();
}

async function* bytesOf(exports: ExportFiles, { name, sizeBytes }: ExportFile): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes; at += readBytes)
    yield await exports.read(name, at, Math.min(readBytes, sizeBytes - at));
}

/** A row after all changes: undefined if it was removed. */
interface Change {
  readonly key: Key;
  readonly value: Value | undefined;
}

interface Changes {
  /** In ascending order of the keys. */
  readonly changes: readonly Change[];
  /** The last commit of them. */
  readonly last: ShippedBatch['commit'] | undefined;
  /** The number of segments. */
  readonly count: number;
  /** Why no later segment was used, as the end of a sentence; empty: none exists. */
  readonly stopped: string;
}

/** Reads the segments that follow an export without a gap. */
async function changesAfter(segments: ExportFiles, { commit, storeId }: ExportHeader): Promise<Changes> {
  const latest = new Map<string, Change>();
  let last: ShippedBatch['commit'] | undefined;
  let count = 0;
  let stopped = '';
  let chain: string | undefined;
  const files = (await segments.list()).filter(({ name }) => segmentOf(name).storeId === storeId);
  for (const { name, sizeBytes } of files.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const next = (last?.seq ?? commit) + 1;
    if (segmentOf(name).first > next) {
      stopped = `; commits ${next} to ${segmentOf(name).first - 1} are missing, so later ones cannot be used`;
      break;
    }
    try {
      const segment = decodeSegment(name, await segments.read(name, 0, sizeBytes));
      const fresh = segment.batches.filter((batch) => batch.commit.seq >= next);
      if (fresh.length === 0) continue;
      chain ??= segment.chain;
      if (chain !== segment.chain) {
        stopped = `; from commit ${next} on, another index was in its place`;
        break;
      }
      for (const { writes } of fresh) apply(latest, writes);
      last = fresh.at(-1)!.commit;
      count++;
    } catch (error) {
      if (!(error instanceof Failure) || error.reason === 'STORE_UNAVAILABLE') throw error;
      stopped = `; ${error.message}, so later ones cannot be used`;
      break;
    }
  }
  const changes = [...latest.values()].sort((a, b) => Buffer.compare(a.key, b.key));
  return { changes, last, count, stopped };
}

function apply(latest: Map<string, Change>, writes: ShippedBatch['writes']): void {
  for (const write of writes) {
    const { key } = write;
    // The index that is made has commits of its own.
    if (key[0] === keys.store.commit.code) continue;
    const value = write.type === 'put' ? decodeRow(key, write.value) : undefined;
    latest.set(Buffer.from(key).toString('latin1'), { key, value });
  }
}

/** Yields the rows with the changes, both in ascending order of their keys. */
async function* merged(
  blocks: AsyncIterable<readonly Entry[]>,
  changes: readonly Change[],
): AsyncGenerator<readonly Entry[]> {
  let at = 0;
  const before = (key: Key | undefined): Entry[] => {
    const rows: Entry[] = [];
    for (; at < changes.length; at++) {
      const change = changes[at]!;
      if (key !== undefined && Buffer.compare(change.key, key) >= 0) break;
      if (change.value !== undefined) rows.push([change.key, change.value]);
    }
    return rows;
  };
  for await (const block of blocks) {
    const rows: Entry[] = [];
    for (const row of block) {
      rows.push(...before(row[0]));
      const change = changes[at];
      if (change === undefined || Buffer.compare(change.key, row[0]) !== 0) {
        rows.push(row);
        continue;
      }
      at++;
      if (change.value !== undefined) rows.push([change.key, change.value]);
    }
    if (rows.length > 0) yield rows;
  }
  const rest = before(undefined);
  if (rest.length > 0) yield rest;
}
