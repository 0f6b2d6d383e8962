import { Buffer, isUtf8 } from 'node:buffer';
import type { Source } from './source.ts';
import { isWhole, sequenceAround, sequenceEnd, unsuitable } from './utf8.ts';

/** U+FFFD has this number of bytes in UTF-8, and stands for one byte at least. */
const replacementBytes = 3;
const characterBytesMax = 4;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** The kinds of text that are read. A place names the kind, so that the beginning is examined once. */
export type EncodingName = 'utf-8' | 'utf-8 marked' | 'utf-16le' | 'utf-16be';

/**
 * The way to read the bytes of a text: the same for every window that shows text. Offsets are those of the content, and
 * multiples of {@link unitBytes}. Bytes that are not well-formed are read as U+FFFD. A line feed always counts,
 * whatever is around it.
 */
export class Encoding {
  readonly name: EncodingName;
  /** The offset where the text begins: after its byte order mark. */
  readonly start: number;
  /** The size of the units of all characters. */
  readonly unitBytes: 1 | 2;
  private readonly isBigEndian: boolean;

  constructor(name: EncodingName) {
    this.name = name;
    this.unitBytes = name === 'utf-16le' || name === 'utf-16be' ? 2 : 1;
    this.start = name === 'utf-8' ? 0 : name === 'utf-8 marked' ? 3 : 2;
    this.isBigEndian = name === 'utf-16be';
  }

  /** Returns the text of a piece that is cut between characters. */
  text(bytes: Buffer): string {
    return this.unitBytes === 1 ? bytes.toString('utf8') : this.units(bytes).toWellFormed();
  }

  /** Returns the same as UTF-8. */
  utf8(bytes: Buffer): Buffer {
    return this.isUtf8(bytes) ? bytes : Buffer.from(this.text(bytes), 'utf8');
  }

  /** Returns UTF-16 as it is. Half a unit at the end is half a character. */
  units(bytes: Buffer): string {
    const whole = bytes.subarray(0, bytes.length & ~1);
    const text = (this.isBigEndian ? Buffer.from(whole).swap16() : whole).toString('utf16le');
    return whole.length === bytes.length ? text : `${text}\ud800`;
  }

  /** Returns true if a part of a piece that is not U+FFFD is read as U+FFFD. */
  isMalformed(bytes: Buffer): boolean {
    return this.unitBytes === 1 ? !isUtf8(bytes) : !this.units(bytes).isWellFormed();
  }

  /** Returns the number of lines of a piece for which that is true. */
  malformedLines(bytes: Buffer): number {
    if (!this.isMalformed(bytes)) return 0;
    return this.unitBytes === 1 ? malformedUtf8Lines(bytes) : malformedUtf16Lines(this.units(bytes));
  }

  /**
   * Does the same for a piece that may begin and end within lines.
   *
   * @param counted true: it begins within a line that was malformed and has been counted.
   * @returns `goesOn`: it ends within such a line.
   */
  countMalformed(piece: Buffer, counted: boolean): { readonly lines: number; readonly goesOn: boolean } {
    const lines = this.malformedLines(piece);
    const firstEnd = this.lineEnd(piece, 0);
    const again = counted && this.isMalformed(firstEnd < 0 ? piece : piece.subarray(0, firstEnd)) ? 1 : 0;
    const last = piece.subarray(Math.max(0, this.lastLineEnd(piece, piece.length)));
    return { lines: lines - again, goesOn: this.isMalformed(last) || (counted && firstEnd < 0) };
  }

  /** Returns where the line with `from` ends, including its line feed; -1: not in these bytes. */
  lineEnd(bytes: Buffer, from: number): number {
    if (this.unitBytes === 1) return bytes.indexOf(lineFeed, from) + 1 || -1;
    for (let end = from + 2; end <= bytes.length; end += 2) if (this.isLineFeed(bytes, end)) return end;
    return -1;
  }

  /** Returns where the last line ends, at `before` or earlier; -1: none ends in these bytes. */
  lastLineEnd(bytes: Buffer, before: number): number {
    if (before < this.unitBytes) return -1;
    if (this.unitBytes === 1) return bytes.lastIndexOf(lineFeed, before - 1) + 1 || -1;
    for (let end = before & ~1; end >= 2; end -= 2) if (this.isLineFeed(bytes, end)) return end;
    return -1;
  }

  /** Returns the length of the first lines that have an end, and their number, at most `count`. */
  firstLines(bytes: Buffer, count: number): { readonly length: number; readonly ended: number } {
    let length = 0;
    let ended = 0;
    // A search for each line feed would be slow: a content may consist of line feeds.
    const { unitBytes } = this;
    const low = this.isBigEndian ? 1 : 0;
    for (let at = low; at < bytes.length && ended < count; at += unitBytes)
      if (bytes[at] === lineFeed && (unitBytes === 1 || bytes[at ^ 1] === 0)) {
        length = at - low + unitBytes;
        ended++;
      }
    return { length, ended };
  }

  lineFeeds(bytes: Buffer): number {
    return this.firstLines(bytes, Number.POSITIVE_INFINITY).ended;
  }

  endsLine(bytes: Buffer): boolean {
    return this.unitBefore(bytes, bytes.length) === lineFeed;
  }

  /** Returns a line without its end, or approximately this number of bytes of it. */
  withoutEnd(line: Buffer, bytesMax: number): Buffer {
    if (line.length > bytesMax)
      return line.subarray(0, this.cut(line, bytesMax - (bytesMax % this.unitBytes)));
    if (!this.endsLine(line)) return line;
    const end = line.length - this.unitBytes;
    return line.subarray(0, this.unitBefore(line, end) === carriageReturn ? end - this.unitBytes : end);
  }

  /**
   * Returns where a piece that ends at `at` must end so that it does not cut a character, or the bytes of one U+FFFD:
   * there, or some bytes before.
   *
   * @param bytes with `lookAhead` bytes after `at`, unless the content ends before.
   */
  cut(bytes: Buffer, at: number): number {
    return this.around(bytes, at)?.start ?? at;
  }

  /** Does the same in the other direction: there, or some bytes after. */
  cutAfter(bytes: Buffer, at: number): number {
    return this.around(bytes, at)?.end ?? at;
  }

  /**
   * Returns how many bytes at the beginning have at most `bytesMax` bytes of UTF-8: all, whole lines, or the fitting
   * part of one. The result is 0 only if `bytesMax` is less than a character may have.
   *
   * @param bytes with `lookAhead` bytes more than may be wanted, unless the content ends before.
   */
  fitting(bytes: Buffer, bytesMax: number): number {
    const most = Math.min(bytes.length, bytesMax * this.unitBytes);
    const end = most < bytes.length ? this.cut(bytes, most) : most;
    if (this.isUtf8(bytes.subarray(0, end))) return end;
    const text = this.utf8(bytes.subarray(0, end));
    if (text.length <= bytesMax) return end;
    const lines = text.subarray(0, text.lastIndexOf(lineFeed, bytesMax - 1) + 1);
    const whole = this.firstLines(bytes, utf8Lines(lines));
    return whole.length > 0 ? whole.length : this.certain(bytes, bytesMax);
  }

  /**
   * Returns how many bytes at the end of a piece have at most `bytesMax` bytes of UTF-8: whole lines only, or else a
   * part.
   */
  fittingEnd(bytes: Buffer, bytesMax: number): number {
    const text = this.utf8(bytes);
    if (text.length <= bytesMax) return bytes.length;
    const firstLine = text.indexOf(lineFeed, text.length - bytesMax - 1) + 1;
    if (firstLine > 0 && firstLine < text.length)
      return bytes.length - this.firstLines(bytes, utf8Lines(text.subarray(0, firstLine))).length;
    const least = bytes.length - this.certainBytes(bytesMax);
    const at = least + (least % this.unitBytes);
    const from = this.cutAfter(bytes, at);
    return bytes.length - (from < bytes.length ? from : this.cut(bytes, at));
  }

  /** Returns a number of bytes that have no more bytes of UTF-8, whatever they are. */
  private certainBytes(bytesMax: number): number {
    return Math.max(1, Math.floor(bytesMax / replacementBytes)) * this.unitBytes;
  }

  /** Returns how many bytes of a line certainly fit; its first character does. */
  private certain(bytes: Buffer, bytesMax: number): number {
    if (bytesMax < characterBytesMax) return 0;
    const at = this.certainBytes(bytesMax);
    return this.cut(bytes, at) || this.cutAfter(bytes, at);
  }

  /** Returns true if a line of UTF-16 ends at `end`. */
  private isLineFeed(bytes: Buffer, end: number): boolean {
    return this.isBigEndian
      ? bytes[end - 1] === lineFeed && bytes[end - 2] === 0
      : bytes[end - 2] === lineFeed && bytes[end - 1] === 0;
  }

  private isUtf8(bytes: Buffer): boolean {
    return this.unitBytes === 1 && isUtf8(bytes);
  }

  /** Returns the sequence that `at` is within, if any. */
  private around(bytes: Buffer, at: number): { readonly start: number; readonly end: number } | undefined {
    if (this.unitBytes === 1) return sequenceAround(bytes, at);
    const isWithin = isHigh(this.unitBefore(bytes, at)) && isLow(this.unitBefore(bytes, at + 2));
    return isWithin ? { start: at - 2, end: at + 2 } : undefined;
  }

  private unitBefore(bytes: Buffer, end: number): number | undefined {
    if (end < this.unitBytes || end > bytes.length || end % this.unitBytes > 0) return undefined;
    if (this.unitBytes === 1) return bytes[end - 1];
    return this.isBigEndian ? bytes.readUInt16BE(end - 2) : bytes.readUInt16LE(end - 2);
  }
}

/**
 * The byte order marks of UTF-32. The mark of its little-endian form is that of UTF-16 and a NUL, with which no text
 * begins.
 */
const utf32Marks: readonly string[] = ['fffe0000', '0000feff'];

/**
 * Returns the encoding that the beginning of a content shows (Encoding Standard: BOM sniff).
 *
 * @throws Failure CONTENT_UNSUITABLE for UTF-32, which is not read.
 */
export async function encodingOf(source: Source): Promise<Encoding> {
  const head = (await source.range(0, 4)).toString('hex');
  if (utf32Marks.includes(head))
    throw unsuitable(
      'it is UTF-32; download it and turn it into UTF-8 (iconv -f UTF-32 -t UTF-8), or read it as bytes',
    );
  if (head.startsWith('efbbbf')) return new Encoding('utf-8 marked');
  if (head.startsWith('fffe')) return new Encoding('utf-16le');
  return new Encoding(head.startsWith('feff') ? 'utf-16be' : 'utf-8');
}

function utf8Lines(text: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) if (text[at] === lineFeed) count++;
  return count;
}

function malformedUtf8Lines(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at]! < 0x80 || isWhole(bytes, at)) {
      at = bytes[at]! < 0x80 ? at + 1 : sequenceEnd(bytes, at);
      continue;
    }
    count++;
    while (at < bytes.length && bytes[at] !== lineFeed) at++;
  }
  return count;
}

function malformedUtf16Lines(units: string): number {
  let count = 0;
  const alone = /\p{Surrogate}/gu;
  while (alone.test(units)) {
    count++;
    const end = units.indexOf('\n', alone.lastIndex);
    if (end < 0) break;
    alone.lastIndex = end + 1;
  }
  return count;
}

function isHigh(unit: number | undefined): boolean {
  return unit !== undefined && (unit & 0xfc00) === 0xd800;
}

function isLow(unit: number | undefined): boolean {
  return unit !== undefined && (unit & 0xfc00) === 0xdc00;
}
