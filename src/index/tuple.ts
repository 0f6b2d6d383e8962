/**
 * Tuples as bytes whose bytewise order is the order of the tuples, element by element. Each element is either of fixed
 * width or a terminated string, so that no value of one element can reach into the next.
 *
 * A string is its UTF-8 with 0x00 written as 0x01 0x01 and 0x01 as 0x01 0x02, then a terminating 0x00. The end is found
 * without the bytes that follow, a terminator sorts before every continuation, and the order is bytewise UTF-8.
 */
import { Buffer } from 'node:buffer';
import { type Sha256, writeSha256 } from '../domain/digest.ts';
import { type ArtifactId, type SessionUid, writeId } from '../domain/ids.ts';
import { bufferOf } from './bytes.ts';

const idBytes = 16;
const digestBytes = 32;

/**
 * Assembles keys, one after another, in a buffer of its own. Elements must be added in the order in which the family's
 * comment lists them.
 */
export class TupleWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(capacityBytes = 96) {
    this.buffer = Buffer.allocUnsafe(capacityBytes);
  }

  /** Begins a key, whatever became of the one before. */
  begin(): this {
    this.length = 0;
    return this;
  }

  private reserve(bytes: number): void {
    const wanted = this.length + bytes;
    if (wanted <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(wanted, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  byte(value: number): this {
    this.reserve(1);
    this.buffer[this.length++] = value;
    return this;
  }

  string(value: string): this {
    const size = Buffer.byteLength(value);
    this.reserve(size * 2 + 1);
    const start = this.length;
    this.buffer.write(value, start, 'utf8');
    this.length += size;
    this.escape(start);
    this.buffer[this.length++] = 0;
    return this;
  }

  private escape(start: number): void {
    const end = this.length;
    let at = start;
    while (at < end && this.buffer[at]! > 1) at++;
    if (at === end) return;
    const rest = Buffer.from(this.buffer.subarray(at, end));
    this.length = at;
    for (const byte of rest) {
      if (byte > 1) this.buffer[this.length++] = byte;
      else {
        this.buffer[this.length++] = 1;
        this.buffer[this.length++] = byte + 1;
      }
    }
  }

  /** Adds an unsigned integer up to 2^53 - 1, in 8 bytes, big endian. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a key number: ${value}`);
    this.reserve(8);
    this.buffer.writeUInt32BE(Math.floor(value / 2 ** 32), this.length);
    this.buffer.writeUInt32BE(value % 2 ** 32, this.length + 4);
    this.length += 8;
    return this;
  }

  /** As {@link number}, but larger values sort first. */
  numberDescending(value: number): this {
    return this.number(Number.MAX_SAFE_INTEGER - value);
  }

  /** Adds 16 bytes as they are: ids sort oldest first. */
  id(value: ArtifactId | SessionUid): this {
    this.reserve(idBytes);
    writeId(value, this.buffer, this.length);
    this.length += idBytes;
    return this;
  }

  /** Adds 16 bytes inverted: ids sort newest first. */
  idDescending(value: ArtifactId | SessionUid): this {
    this.id(value);
    for (let at = this.length - idBytes; at < this.length; at++) this.buffer[at] = ~this.buffer[at]! & 0xff;
    return this;
  }

  /** Adds the 32 bytes of a digest. */
  digest(value: Sha256): this {
    this.reserve(digestBytes);
    writeSha256(value, this.buffer, this.length);
    this.length += digestBytes;
    return this;
  }

  /** Returns the key. */
  done(): Uint8Array {
    const key = Buffer.allocUnsafe(this.length);
    this.buffer.copy(key, 0, 0, this.length);
    return key;
  }
}

/** Where the 16 bytes of an id are turned round again. */
const turned = new Uint8Array(idBytes);

/** Takes a key apart, element by element, in the order in which it was written. Throws an error on malformed bytes. */
export class TupleReader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(key: Uint8Array) {
    this.bytes = bufferOf(key);
  }

  /** Passes over the next bytes, and returns where they begin. */
  private take(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw new RangeError('key too short');
    this.at += length;
    return from;
  }

  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  string(): string {
    const from = this.at;
    const end = this.bytes.indexOf(0, from);
    if (end < 0) throw new RangeError('unterminated string in key');
    this.at = end + 1;
    for (let at = from; at < end; at++)
      if (this.bytes[at] === 1) return unescapeBytes(this.bytes.subarray(from, end)).toString('utf8');
    return this.bytes.toString('utf8', from, end);
  }

  number(): number {
    const from = this.take(8);
    return this.bytes.readUInt32BE(from) * 2 ** 32 + this.bytes.readUInt32BE(from + 4);
  }

  numberDescending(): number {
    return Number.MAX_SAFE_INTEGER - this.number();
  }

  /** @param make returns the id whose bytes begin at `from`. */
  id<T>(make: (bytes: Uint8Array, from: number) => T): T {
    return make(this.bytes, this.take(idBytes));
  }

  /** As {@link id}, of bytes that were inverted. */
  idDescending<T>(make: (bytes: Uint8Array, from: number) => T): T {
    const from = this.take(idBytes);
    for (let at = 0; at < idBytes; at++) turned[at] = ~this.bytes[from + at]! & 0xff;
    return make(turned, 0);
  }

  /** @param make returns the digest whose bytes begin at `from`. */
  digest<T>(make: (bytes: Buffer, from: number) => T): T {
    return make(this.bytes, this.take(digestBytes));
  }

  /** Fails unless every byte was read. */
  end(): void {
    if (this.at !== this.bytes.length) throw new RangeError('key too long');
  }
}

function unescapeBytes(escaped: Uint8Array): Buffer {
  const plain: number[] = [];
  for (let at = 0; at < escaped.length; at++) {
    const byte = escaped[at]!;
    plain.push(byte === 1 ? escaped[++at]! - 1 : byte);
  }
  return Buffer.from(plain);
}

/** Returns the smallest byte string greater than every one that begins with `prefix`. */
export function afterPrefix(prefix: Uint8Array): Uint8Array {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last--;
  if (last < 0) throw new RangeError('a prefix of 0xff bytes only has no end');
  const end = Buffer.allocUnsafe(last + 1);
  for (let at = 0; at < last; at++) end[at] = prefix[at]!;
  end[last] = prefix[last]! + 1;
  return end;
}
