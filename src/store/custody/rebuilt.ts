/** The newest state of an index that can be made from an export and the segments after it. */
import { Buffer } from 'node:buffer';
import { type ExportFile, type ExportFiles, exportPrefix } from '../../blobs/export-files.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { decodeRow } from '../../index/engine/stored-row.ts';
import { keys } from '../../index/keys.ts';
import type { Entry, Key, Value } from '../../index/row.ts';
import { formatVersion } from '../format.ts';
import { type ExportHeader, type ExportPart, ExportReader, exportRows } from './export.ts';
import { type ExportFormat, headBytes } from './exports.ts';
import { decodeSegment, type ShippedBatch, segmentOf } from './segments.ts';

/** The place of the exports and segments of a store. */
export interface Shipped {
  readonly exports: ExportFiles;
  readonly segments: ExportFiles;
}

/** The bytes of an export that are read at once. */
const readBytes = 1024 * 1024;

interface RebuiltOptions {
  readonly format: ExportFormat;
  /** Called with what was found, in words, before the first row. */
  readonly onFound: (message: string) => void;
  /** The store whose index is replaced. Undefined: it is not known. */
  readonly present?: Present | undefined;
}

interface Present {
  readonly storeId: string;
  /** True if nothing was ever pushed: it was most likely made only to be filled. */
  readonly isEmpty: boolean;
}

/**
 * Yields the newest whole export with the changes of all segments after it, without a gap, as one export. A directory
 * may have exports of several stores: those of the present store are used, or else of the only other store.
 *
 * @throws Failure STORE_UNAVAILABLE if the place has no whole export; INVALID_ARGUMENT if it has exports of several
 *   stores.
 */
export async function* rebuilt(
  { exports, segments }: Shipped,
  { format, onFound, present }: RebuiltOptions,
): AsyncGenerator<ExportPart> {
  const wanted = await chosenStore(exports, format, present);
  for (const file of (await exports.list()).toReversed()) {
    const said = format.header(await exports.read(file.name, 0, headBytes));
    // A header that cannot be read may be that of a damaged export.
    if (said !== undefined && said.storeId !== wanted) continue;
    const header = await wholeHeader(exports, file, format);
    if (header?.storeId !== wanted || header === undefined) continue;
    const { changes, last, count, stopped } = await changesAfter(segments, header);
    const until = last ?? { seq: header.commit, time: header.time };
    onFound(
      `the export ${file.name} and ${count} segments: up to commit ${until.seq} of ` +
        `${new Date(until.time).toISOString()}${stopped}`,
    );
    // Segments of this version may have rows that the format of an earlier export does not know.
    yield { kind: 'header', header: { ...header, formatVersion, commit: until.seq, time: until.time } };
    yield* exportRows(merged(rowsOf(exports, file, format), changes));
    return;
  }
  throw new Failure('STORE_UNAVAILABLE', 'no whole export was found in the place of the exports');
}

/** @throws Failure INVALID_ARGUMENT */
async function chosenStore(
  exports: ExportFiles,
  format: ExportFormat,
  present: Present | undefined,
): Promise<string | undefined> {
  const found = new Set<string>();
  for (const { name } of await exports.list()) {
    const header = format.header(await exports.read(name, 0, headBytes));
    if (header !== undefined) found.add(header.storeId);
  }
  if (present !== undefined && found.has(present.storeId)) {
    if (!present.isEmpty || found.size === 1) return present.storeId;
    found.delete(present.storeId);
  }
  if (found.size <= 1) return [...found][0];
  throw invalid(
    'from',
    `the place has exports of ${found.size} stores, and does not say which one to restore: import a file in its ` +
      `directory ${exportPrefix}, or leave the exports of one store there (${[...found].join(', ')})`,
  );
}

/** Returns whether an export exists from which the segments of a chain go on. */
export async function hasExportOf(
  exports: ExportFiles,
  format: ExportFormat,
  chain: string,
): Promise<boolean> {
  for (const { name } of (await exports.list()).toReversed())
    if (format.header(await exports.read(name, 0, headBytes))?.chain === chain) return true;
  return false;
}

/** Removes all exports of a store. */
export async function removeExportsOf(
  exports: ExportFiles,
  format: ExportFormat,
  storeId: string,
): Promise<void> {
  for (const { name } of await exports.list()) {
    const header = format.header(await exports.read(name, 0, headBytes));
    if (header?.storeId === storeId) await exports.remove(name);
  }
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
async function changesAfter(segments: ExportFiles, header: ExportHeader): Promise<Changes> {
  const { commit } = header;
  const latest = new Map<string, Change>();
  let last: ShippedBatch['commit'] | undefined;
  let count = 0;
  let stopped = '';
  let { chain } = header;
  for (const { name, sizeBytes } of await candidates(segments, header)) {
    const next = (last?.seq ?? commit) + 1;
    if (segmentOf(name).first > next) {
      stopped = `; commits ${next} to ${segmentOf(name).first - 1} are missing, so later ones cannot be used`;
      break;
    }
    try {
      const segment = decodeSegment(name, await segments.read(name, 0, sizeBytes));
      const fresh = segment.batches.filter((batch) => batch.commit.seq >= next);
      if (fresh.length === 0) continue;
      // Between those of its chain, another service that ran on a copy of the store may have left some.
      if (header.chain !== undefined && segment.chain !== header.chain) continue;
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

/** Returns the segments that may have changes after an export: from the last one that can have the next commit. */
async function candidates(
  segments: ExportFiles,
  { commit, storeId, chain }: ExportHeader,
): Promise<readonly ExportFile[]> {
  const files = (await segments.list())
    .filter(({ name }) => segmentOf(name).storeId === storeId)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  let first = Math.max(
    0,
    files.findLastIndex(({ name }) => segmentOf(name).first <= commit + 1),
  );
  while (chain !== undefined && first > 0 && !(await isOf(segments, files[first]!, chain))) first--;
  return files.slice(first);
}

/** A segment that cannot be read is of any chain. */
async function isOf(segments: ExportFiles, { name, sizeBytes }: ExportFile, chain: string): Promise<boolean> {
  try {
    return decodeSegment(name, await segments.read(name, 0, sizeBytes)).chain === chain;
  } catch (error) {
    if (!(error instanceof Failure) || error.reason === 'STORE_UNAVAILABLE') throw error;
    return true;
  }
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
