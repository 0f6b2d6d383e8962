/** Writes protobuf messages field by field: the same bytes as the library's encoder, without a message before. */
import { Buffer } from 'node:buffer';

/** The encodings of a value on the wire. */
const wireTypes = { varint: 0, delimited: 2 } as const;

/** A field of a message, as its descriptor names it. */
interface Field {
  readonly number: number;
}

/** The tag of a field: what stands before its value. */
export type Tag = number;

/** Returns the tag of a field whose values are numbers or booleans. */
export function numberTag({ number }: Field): Tag {
  return number * 8 + wireTypes.varint;
}

/** Returns the tag of a field whose values are texts, messages or maps. */
export function textTag({ number }: Field): Tag {
  return number * 8 + wireTypes.delimited;
}

const continues = 0x80;
/** A longer text is written by Node, which takes longer to begin. */
const shortText = 127;
/** The most bytes that a length, and a UTF-16 code unit, can take. */
const lengthBytesMax = 5;
const numberBytesMax = 8;
const unitBytesMax = 3;

/** The bytes of messages, one after another, in one buffer that grows. */
export class MessageBytes {
  private readonly keptBytesMax: number;
  private readonly firstBytes: number;
  private buffer: Buffer;
  private length = 0;

  /** @param keptBytesMax a larger buffer is not kept for the next messages. */
  constructor(firstBytes: number, keptBytesMax: number) {
    this.firstBytes = firstBytes;
    this.keptBytesMax = keptBytesMax;
    this.buffer = Buffer.allocUnsafeSlow(firstBytes);
  }

  /** Forgets what was written, whatever became of it. */
  restart(): void {
    this.length = 0;
  }

  /** Returns a copy of what was written, and begins again. */
  take(): Buffer {
    const taken = Buffer.from(this.buffer.subarray(0, this.length));
    this.length = 0;
    if (this.buffer.length > this.keptBytesMax) this.buffer = Buffer.allocUnsafeSlow(this.firstBytes);
    return taken;
  }

  private reserve(bytes: number): void {
    const wanted = this.length + bytes;
    if (wanted <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  /** Writes a whole number from 0 to 2^53 - 1. */
  private varint(value: number): void {
    const { buffer } = this;
    let rest = value;
    while (rest >= continues) {
      buffer[this.length++] = (rest % continues) | continues;
      rest = Math.floor(rest / continues);
    }
    buffer[this.length++] = rest;
  }

  /** Writes a field whose value is a whole number from 0 to 2^53 - 1; 0 is left out, as everywhere in proto3. */
  number(tag: Tag, value: number): void {
    if (value === 0) return;
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`not a whole number from 0: ${value}`);
    this.reserve(2 * numberBytesMax);
    this.varint(tag);
    this.varint(value);
  }

  /** Writes a field whose value is a boolean; false is left out. */
  boolean(tag: Tag, value: boolean): void {
    if (value) this.number(tag, 1);
  }

  /** Writes a field whose value is a text; an empty one is left out. */
  text(tag: Tag, value: string): void {
    if (value !== '') this.element(tag, value);
  }

  /** Writes an element of a list of texts, or a part of an entry of a map; an empty one is not left out. */
  element(tag: Tag, value: string): void {
    const units = value.length;
    this.reserve(numberBytesMax + lengthBytesMax + unitBytesMax * units);
    this.varint(tag);
    if (units > shortText || !this.writeShort(value)) this.writeLong(value);
  }

  /** Writes a short text, and returns true, if it is ASCII. */
  private writeShort(value: string): boolean {
    const { buffer, length: start } = this;
    const units = value.length;
    let end = start + 1;
    for (let at = 0; at < units; at++) {
      const unit = value.charCodeAt(at);
      if (unit > 0x7f) return false;
      buffer[end++] = unit;
    }
    buffer[start] = units;
    this.length = end;
    return true;
  }

  private writeLong(value: string): void {
    this.varint(Buffer.byteLength(value));
    this.length += this.buffer.write(value, this.length, 'utf8');
  }

  /** Begins a message within the message. Returns what {@link end} must get. */
  begin(tag: Tag): number {
    this.reserve(numberBytesMax + lengthBytesMax);
    this.varint(tag);
    // Most lengths take one byte.
    this.length++;
    return this.length;
  }

  /** Writes a field whose value is a message that was encoded before. */
  message(tag: Tag, value: Buffer): void {
    this.reserve(numberBytesMax + lengthBytesMax + value.length);
    this.varint(tag);
    this.varint(value.length);
    this.length += value.copy(this.buffer, this.length);
  }

  /** Returns a copy of the last bytes that were written, in memory of its own. */
  last(count: number): Buffer {
    const copy = Buffer.allocUnsafeSlow(count);
    this.buffer.copy(copy, 0, this.length - count, this.length);
    return copy;
  }

  /** Ends the message that {@link begin} began. Returns its size. */
  end(start: number): number {
    const bytes = this.length - start;
    if (bytes < continues) {
      this.buffer[start - 1] = bytes;
      return bytes;
    }
    this.reserve(lengthBytesMax);
    const { buffer, length: end } = this;
    this.length = start - 1;
    let more = 0;
    for (let rest = bytes; rest >= continues; rest = Math.floor(rest / continues)) more++;
    buffer.copyWithin(start + more, start, end);
    this.varint(bytes);
    this.length = end + more;
    return bytes;
  }
}
