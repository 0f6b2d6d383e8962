/**
 * Segments: the durable batches of the index between two exports, in order and with their commit numbers. A segment is a
 * line of JSON, the batches, and the SHA-256 of all that. A batch is its number of writes, its commit number and its
 * time; a write is a key, and a value in the stored form unless it removes the row.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ExportFiles } from '../../blobs/export-files.ts';
import { Failure } from '../../domain/errors.ts';
import type { CommitRecord } from '../../index/records.ts';
import type { Write } from '../../index/row.ts';
import type { OnStep } from '../rows/steps.ts';

const format = 1;
const digestBytes = 32;
/** The value of a write that removes a row. */
const removed = 0xffff_ffff;

/** A batch that was durable, with its writes in the stored form. */
export interface ShippedBatch {
  readonly commit: Pick<CommitRecord, 'seq' | 'time'>;
  readonly writes: readonly Write[];
}

/** Returns the name of the segment that begins with a commit. */
export function segmentName(firstCommit: number, storeId: string): string {
  return `${String(firstCommit).padStart(12, '0')}.${storeId}.segment`;
}

/** Returns the first commit of a segment and its store, from its name. */
export function segmentOf(name: string): { readonly first: number; readonly storeId: string } {
  const [first = '', storeId = ''] = name.split('.');
  return { first: Number(first), storeId };
}

/** Returns the bytes that a batch takes in a segment. */
export function batchBytes({ writes }: ShippedBatch): number {
  return writes.reduce(
    (sum, write) => sum + 8 + write.key.length + (write.type === 'put' ? write.value.length : 0),
    20,
  );
}

/** The origin of a segment. */
export interface SegmentOrigin {
  readonly storeId: string;
  /** The same for all segments of one history: another index that takes the place of this one begins another chain. */
  readonly chain: string;
  /** True if the place had an export from which the chain leads to this segment. */
  readonly isRooted: boolean;
}

/** A segment that was read. */
interface Segment {
  readonly chain: string;
  readonly isRooted: boolean;
  readonly batches: readonly ShippedBatch[];
}

/** Returns a segment. @param batches at least one, numbered without gaps. */
export function encodeSegment(
  { storeId, chain, isRooted }: SegmentOrigin,
  batches: readonly ShippedBatch[],
): Buffer {
  const [first, last] = [batches[0]!.commit.seq, batches.at(-1)!.commit.seq];
  const parts: Uint8Array[] = [
    Buffer.from(`${JSON.stringify({ format, storeId, chain, isRooted, first, last })}\n`),
  ];
  for (const { commit, writes } of batches) {
    const head = Buffer.alloc(20);
    head.writeUInt32BE(writes.length);
    head.writeDoubleBE(commit.seq, 4);
    head.writeDoubleBE(commit.time, 12);
    parts.push(head);
    for (const write of writes) {
      const lengths = Buffer.alloc(8);
      lengths.writeUInt32BE(write.key.length);
      lengths.writeUInt32BE(write.type === 'put' ? write.value.length : removed, 4);
      parts.push(lengths, write.key);
      if (write.type === 'put') parts.push(write.value);
    }
  }
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, createHash('sha256').update(bytes).digest()]);
}

/**
 * Reads a segment.
 *
 * @throws Failure DATA_LOSS if it is cut short or altered; NOT_IMPLEMENTED if a later version has written it.
 */
export function decodeSegment(name: string, bytes: Uint8Array): Segment {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const body = all.subarray(0, Math.max(0, all.length - digestBytes));
  const lineEnd = all.indexOf('\n');
  const head = lineEnd < 0 ? undefined : headIn(all.toString('utf8', 0, lineEnd));
  if (typeof head?.format === 'number' && head.format > format)
    throw new Failure(
      'NOT_IMPLEMENTED',
      `the segment ${name} has format ${head.format}, and this version reads ${format}`,
    );
  if (head === undefined || !createHash('sha256').update(body).digest().equals(all.subarray(body.length)))
    throw new Failure('DATA_LOSS', `the segment ${name} is cut short or was altered`);
  const batches: ShippedBatch[] = [];
  for (let at = lineEnd + 1; at < body.length; ) {
    const count = body.readUInt32BE(at);
    const commit = { seq: body.readDoubleBE(at + 4), time: body.readDoubleBE(at + 12) };
    const writes: Write[] = [];
    at += 20;
    for (let n = 0; n < count; n++) {
      const [keyLength, valueLength] = [body.readUInt32BE(at), body.readUInt32BE(at + 4)];
      const key = body.subarray(at + 8, at + 8 + keyLength);
      at += 8 + keyLength;
      if (valueLength === removed) {
        writes.push({ type: 'del', key });
        continue;
      }
      writes.push({ type: 'put', key, value: body.subarray(at, at + valueLength) });
      at += valueLength;
    }
    batches.push({ commit, writes });
  }
  return { chain: String(head.chain), isRooted: head.isRooted === true, batches };
}

interface Head {
  readonly format?: unknown;
  readonly chain?: unknown;
  readonly isRooted?: unknown;
}

function headIn(line: string): Head | undefined {
  try {
    return JSON.parse(line) as Head;
  } catch {
    return undefined;
  }
}

/**
 * Removes the segments of a store that no kept export needs.
 *
 * @param commit of the oldest export that is kept.
 * @returns their number.
 */
export async function trimSegments(files: ExportFiles, storeId: string, commit: number): Promise<number> {
  const names = (await files.list())
    .map(({ name }) => name)
    .filter((name) => segmentOf(name).storeId === storeId);
  // The last segment that begins at or before the next commit has commits that the export needs.
  const old = names
    .sort()
    .filter((_, at) => at + 1 < names.length && segmentOf(names[at + 1]!).first <= commit + 1);
  for (const name of old) await files.remove(name);
  return old.length;
}

/**
 * Writes a segment to its place, under the name of its first batch.
 *
 * @param batches at least one, numbered without gaps.
 * @param onStep its steps: `segment.begun`, `segment.written` and `segment.published`.
 * @returns false if the place has a segment of that name already: then nothing was written.
 * @throws Failure STORE_UNAVAILABLE if the place cannot be used.
 */
export async function writeSegment(
  files: ExportFiles,
  origin: SegmentOrigin,
  batches: readonly ShippedBatch[],
  onStep?: OnStep,
): Promise<boolean> {
  const name = segmentName(batches[0]!.commit.seq, origin.storeId);
  const segment = encodeSegment(origin, batches);
  async function* bytes() {
    yield segment;
  }
  await onStep?.('segment.begun');
  try {
    await files.write(name, origin.storeId, bytes(), () => onStep?.('segment.written'));
  } catch (error) {
    if (!(await isThere(files, name).catch(() => false))) throw error;
    return false;
  }
  await onStep?.('segment.published');
  return true;
}

async function isThere(files: ExportFiles, name: string): Promise<boolean> {
  return (await files.list()).some((file) => file.name === name);
}

/** Reads a segment from its place. @throws Failure as {@link decodeSegment}; STORE_UNAVAILABLE. */
export async function readSegment(files: ExportFiles, name: string): Promise<Segment> {
  const file = (await files.list()).find((one) => one.name === name);
  return decodeSegment(name, await files.read(name, 0, file?.sizeBytes ?? 0));
}

/** Returns the newest commit that a segment in the place has; 0 if it has none. @param storeId of one store alone. */
export async function highestCommitIn(files: ExportFiles, storeId?: string): Promise<number> {
  const names = (await files.list()).map(({ name }) => name);
  const newest = names.findLast((name) => storeId === undefined || segmentOf(name).storeId === storeId);
  if (newest === undefined) return 0;
  try {
    return (await readSegment(files, newest)).batches.at(-1)!.commit.seq;
  } catch (error) {
    if (error instanceof Failure && error.reason === 'STORE_UNAVAILABLE') throw error;
    return segmentOf(newest).first;
  }
}

/** Returns the failure of a service that finds a segment of another one under the name of its own. */
export function anotherHasShipped(name: string): Failure {
  return new Failure(
    'STORE_UNAVAILABLE',
    `another service has shipped the segment ${name}, with commits of the same numbers: two services run on copies of ` +
      'one store. This service ships nothing until it is started again; stop one of them',
  );
}
