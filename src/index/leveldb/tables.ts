/**
 * Checks the checksums of LevelDB's tables, since LevelDB itself does not: a flipped bit in a filter or in an index
 * block hides rows. The format is that of LevelDB's `doc/table_format.md`.
 */
import { Buffer } from 'node:buffer';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { uncompress } from 'snappyjs';
import type { After } from '../../domain/timer.ts';
import { isAbsent, namesIn, readAt } from '../files.ts';
import { maskedCrc } from './crc.ts';

/**
 * A table as it was seen. LevelDB never changes a table that its manifest names, but may remove it and use its name
 * again. A table of an earlier opening that was killed has no such name yet: the next opening writes it again, into the
 * same file.
 */
interface TableFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Shows whether the file at the path is still this one. */
  readonly identity: string;
}

/** Returns the tables of a database, newest first. No process may have it open. */
export async function listTables(directory: string): Promise<TableFile[]> {
  const names = (await namesIn(directory)).filter((name) => name.endsWith('.ldb'));
  const tables = await Promise.all(names.map((name) => tableFile(join(directory, name))));
  return tables.filter((table) => table !== undefined).sort((a, b) => (a.path < b.path ? 1 : -1));
}

async function tableFile(path: string): Promise<TableFile | undefined> {
  try {
    const { size, ino, birthtimeNs } = await stat(path, { bigint: true });
    return { path, sizeBytes: Number(size), identity: `${ino} ${birthtimeNs} ${size}` };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

const tableFooterBytes = 48;
const tableMagic = 0xdb4775248b80fb57n;
const blockTrailerBytes = 5;
/** Blocks are read together up to this many bytes. */
const readBytesMax = 1024 * 1024;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

class TableDamage extends Error {}

/** Checks tables that were listed before the database was opened, some of them first. */
export class TableCheck {
  private readonly waiting: TableFile[];
  private firstBytes: number;

  /** @param firstBytes the number of bytes that {@link first} checks, to the end of the last table. */
  constructor(tables: readonly TableFile[], firstBytes: number) {
    this.waiting = [...tables];
    this.firstBytes = firstBytes;
  }

  /** Leaves out all other tables: a file that LevelDB does not use may be half written. @param names of files. */
  keepOnly(names: ReadonlySet<string>): void {
    const kept = this.waiting.filter(({ path }) => names.has(basename(path)));
    this.waiting.splice(0, this.waiting.length, ...kept);
  }

  /** Returns the fault of the first table that is damaged; undefined if none is. Checks no table twice. */
  async first(): Promise<string | undefined> {
    return await this.check(() => this.firstBytes > 0);
  }

  /**
   * Returns the same for the tables that {@link first} has left, until the signal is given. It uses a quarter of the
   * time and leaves the rest to other work.
   */
  async rest(signal: AbortSignal, after: After): Promise<string | undefined> {
    let beganMs = performance.now();
    const pause = async () => {
      await waited(3 * (performance.now() - beganMs), signal, after);
      beganMs = performance.now();
    };
    return await this.check(() => !signal.aborted, pause);
  }

  private async check(goesOn: () => boolean, pause = async () => {}): Promise<string | undefined> {
    while (goesOn()) {
      const table = this.waiting.shift();
      if (table === undefined) return undefined;
      this.firstBytes -= table.sizeBytes;
      const damage = await damageOfTable(table);
      if (damage !== undefined) return damage;
      if (this.waiting.length > 0) await pause();
    }
    return undefined;
  }
}

/** Resolves after this many milliseconds, or when the signal is given. */
async function waited(ms: number, signal: AbortSignal, after: After): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = after(ms, resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  await promise;
  cancel();
}

/**
 * Returns the fault of a table, which is checked block by block. Undefined if none is found, or if LevelDB has removed
 * the table meanwhile.
 */
export async function damageOfTable(table: TableFile): Promise<string | undefined> {
  try {
    await using file = await open(table.path, 'r');
    if ((await tableFile(table.path))?.identity !== table.identity) return undefined;
    await checkBlocks(file, table.sizeBytes);
    return undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (error instanceof TableDamage) return `${table.path}: ${error.message}`;
    throw error;
  }
}

/** Reads exactly `length` bytes. */
async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = await readAt(file, position, length);
  if (bytes.length < length) throw new TableDamage(`it ends at ${position + bytes.length}`);
  return bytes;
}

async function checkBlocks(file: FileHandle, sizeBytes: number): Promise<void> {
  if (sizeBytes < tableFooterBytes) throw new TableDamage('it is too short for a table');
  const footer = await readExactly(file, sizeBytes - tableFooterBytes, tableFooterBytes);
  if (footer.readBigUInt64LE(tableFooterBytes - 8) !== tableMagic)
    throw new TableDamage('it does not end like a table');
  const reader = new ByteReader(footer);
  const metaIndex = reader.handle();
  const index = reader.handle();
  const end = sizeBytes - tableFooterBytes;
  const filters = handlesIn(await readBlock(file, metaIndex, end));
  const data = handlesIn(await readBlock(file, index, end));
  for (const group of adjacent([...data, ...filters], end)) await checkGroup(file, group);
}

/** Returns the handles in the order of the file, in groups that are read at once. */
function adjacent(handles: Handle[], end: number): Handle[][] {
  const groups: Handle[][] = [];
  let bytes = 0;
  for (const handle of handles.sort((a, b) => a.offset - b.offset)) {
    if (handle.offset + handle.size + blockTrailerBytes > end)
      throw new TableDamage(`the block at ${handle.offset} reaches beyond the end`);
    const group = groups.at(-1);
    bytes += handle.size + blockTrailerBytes;
    if (group === undefined || bytes > readBytesMax || endOf(group.at(-1)!) !== handle.offset) {
      groups.push([handle]);
      bytes = handle.size + blockTrailerBytes;
    } else group.push(handle);
  }
  return groups;
}

function endOf({ offset, size }: Handle): number {
  return offset + size + blockTrailerBytes;
}

async function checkGroup(file: FileHandle, group: readonly Handle[]): Promise<void> {
  const start = group[0]!.offset;
  const bytes = await readExactly(file, start, endOf(group.at(-1)!) - start);
  for (const { offset, size } of group)
    verifyBlock(bytes.subarray(offset - start, offset - start + size + blockTrailerBytes), offset);
}

/** Returns the content of a block, decompressed. */
async function readBlock(file: FileHandle, { offset, size }: Handle, end: number): Promise<Buffer> {
  if (offset + size + blockTrailerBytes > end)
    throw new TableDamage(`the block at ${offset} reaches beyond the end`);
  const stored = await readExactly(file, offset, size + blockTrailerBytes);
  verifyBlock(stored, offset);
  const content = stored.subarray(0, size);
  return stored[size] === 1 ? Buffer.from(uncompress(content)) : content;
}

/** @param stored content, one byte for the compression, the checksum over both. */
function verifyBlock(stored: Buffer, offset: number): void {
  const checksumAt = stored.length - 4;
  if (maskedCrc(stored.subarray(0, checksumAt)) !== stored.readUInt32LE(checksumAt))
    throw new TableDamage(`the block at ${offset} does not match its checksum`);
}

/** Returns the handles that are the values of the entries of an index block. */
function handlesIn(block: Buffer): Handle[] {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new ByteReader(block.subarray(0, block.length - 4 * (restarts + 1)));
  const handles: Handle[] = [];
  while (!reader.isAtEnd) {
    reader.number();
    const keyBytes = reader.number();
    reader.number();
    reader.skip(keyBytes);
    handles.push(reader.handle());
  }
  return handles;
}

/** Reads little-endian numbers in groups of seven bits, and values that consist of them. */
class ByteReader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || scale > 2 ** 42)
        throw new TableDamage('it contains a number that is cut off or too long');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  skip(length: number): void {
    this.at += length;
  }

  handle(): Handle {
    return { offset: this.number(), size: this.number() };
  }
}
