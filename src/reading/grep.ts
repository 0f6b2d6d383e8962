import { Buffer } from 'node:buffer';
import { turn } from '../domain/timer.ts';
import type { Encoding } from './encoding.ts';
import type { Pattern } from './pattern.ts';
import type { Source } from './source.ts';
import { lookAhead } from './utf8.ts';
import type { GrepWindow, Match, Reading } from './window.ts';

/** The place where an answer continues: everything that the search knows between two bytes. */
export interface GrepPlace {
  readonly at: number;
  /** The number of the line at `at`. */
  readonly line: number;
  /** Set if `at` lies within a line: its rest is to be `shown` or `passed` over. */
  readonly rest?: 'shown' | 'passed' | undefined;
  /**
   * The offsets where the lines begin that were passed and would be shown before a match; they lie next to each other.
   */
  readonly before: readonly number[];
  /** The line that is known to match; the lines before it must be shown. 0: none. */
  readonly match: number;
  /** How many of the next lines are shown whether they match or not. */
  readonly after: number;
  /** The last line that was shown. 0: none. */
  readonly shown: number;
  /** The lines that were malformed and have been counted, of those that may still be shown. */
  readonly counted: readonly number[];
}

const begin = { line: 1, before: [], match: 0, after: 0, shown: 0, counted: [] };

/** The separator between groups of lines that are apart. */
const separator = Buffer.from('--\n');
/** Less room than this might not fit a character. */
const roomMin = 4;
/** The amount to match before other calls get a turn: bytes times instructions. */
const workMax = 4 * 1024 * 1024;

type Mutable<T> = { -readonly [P in keyof T]: T[P] };

/** Reads the lines that a pattern takes, with the lines around them. */
export function readGrep(
  source: Source,
  encoding: Encoding,
  window: GrepWindow,
  pattern: Pattern,
  bytesMax: number,
  place: GrepPlace = { ...begin, at: encoding.start },
): Promise<Reading<GrepPlace>> {
  return new Grep(source, encoding, window, pattern, bytesMax, place).read();
}

class Grep {
  private readonly source: Source;
  private readonly encoding: Encoding;
  private readonly window: GrepWindow;
  private readonly pattern: Pattern;
  private readonly place: Mutable<GrepPlace> & { before: number[]; counted: number[] };
  private room: number;
  /** The pieces of the answer in UTF-8. */
  private readonly pieces: Buffer[] = [];
  private malformedLines = 0;
  private lineFeeds = 0;
  private readonly matches: Match[] = [];
  private startOffset: number | undefined;
  private endOffset: number | undefined;
  private firstLine: number | undefined;
  private work = 0;

  constructor(
    source: Source,
    encoding: Encoding,
    window: GrepWindow,
    pattern: Pattern,
    bytesMax: number,
    place: GrepPlace,
  ) {
    this.source = source;
    this.encoding = encoding;
    this.window = window;
    this.pattern = pattern;
    this.place = { ...place, before: [...place.before], counted: [...place.counted] };
    this.room = bytesMax;
  }

  async read(): Promise<Reading<GrepPlace>> {
    const { place, source } = this;
    while (place.at < source.size) {
      const goesOn = place.rest === 'passed' ? await this.pass() : await this.line();
      if (!goesOn) return this.answer(true);
    }
    return this.answer(false);
  }

  private answer(hasMore: boolean): Reading<GrepPlace> {
    const { place } = this;
    return {
      content: { text: Buffer.concat(this.pieces).toString('utf8') },
      startOffset: this.startOffset ?? place.at,
      endOffset: this.endOffset ?? place.at,
      ...(this.firstLine === undefined ? {} : { firstLine: this.firstLine }),
      matches: this.matches,
      malformedLines: this.malformedLines,
      next: hasMore ? place : undefined,
    };
  }

  /** Goes over the rest of a long line. Returns false if enough was read for one answer. */
  private async pass(): Promise<boolean> {
    const { place } = this;
    const bytes = await this.source.from(place.at);
    const found = this.encoding.lineEnd(bytes, 0);
    if (found >= 0) this.nextLine(place.at + found);
    else place.at += bytes.length;
    return found >= 0 || !this.source.isSpent;
  }

  private nextLine(at: number): void {
    this.place.at = at;
    this.place.line++;
    this.place.rest = undefined;
  }

  /** Whether the line at the place is wanted. The given bytes of its beginning are enough to decide. */
  private takes(line: Buffer): boolean {
    const bytes = this.encoding.withoutEnd(line, this.pattern.lineBytesMax);
    const text = this.encoding.text(bytes);
    // Every other text is exactly what the bytes say.
    if (text.includes('\ufffd')) this.judge(bytes);
    return this.pattern.takes(text);
  }

  /** Counts the line at the place if this part of it is malformed, once. */
  private judge(bytes: Buffer): void {
    const { counted, line, before } = this.place;
    if (counted.includes(line) || !this.encoding.isMalformed(bytes)) return;
    this.malformedLines++;
    // Lines before the first of these will not be shown any more.
    const first = line - before.length;
    this.place.counted = [...counted.filter((one) => one >= first), line];
  }

  /** Shows or passes a line, or several. Returns false if the answer is complete. */
  private async line(): Promise<boolean> {
    const { place, window } = this;
    if (place.rest === 'shown' || place.line <= place.match) return await this.show();
    const bytes = await this.source.from(place.at);
    if (this.skim(bytes)) return await this.pause();
    const line = await this.beginning(this.pattern.needed);
    this.work += line.length * this.pattern.instructions;
    if (this.takes(line)) {
      const groupEnd = place.at + line.length;
      this.expect();
      // It was searched for only so that the answer says whether more follow.
      if (this.matches.length >= window.matchesMax) return false;
      // The lines before a match are not shown without it, unless both do not fit into an answer.
      return this.pieces.length === 0 || (await this.fits(groupEnd));
    }
    if (place.after > 0) return await this.show();
    this.remember(place.at);
    if (this.isWhole(line)) this.nextLine(place.at + line.length);
    else {
      place.at += line.length;
      place.rest = 'passed';
    }
    return await this.pause();
  }

  /** Returns the line at the place with its end, or this number of bytes of it. */
  private async beginning(bytesMax: number): Promise<Buffer> {
    const { at } = this.place;
    const near = (await this.source.from(at)).subarray(0, bytesMax);
    const nearEnd = this.encoding.lineEnd(near, 0);
    if (nearEnd >= 0) return near.subarray(0, nearEnd);
    const line = await this.source.range(at, at + bytesMax);
    const end = this.encoding.lineEnd(line, 0);
    return end < 0 ? line : line.subarray(0, end);
  }

  private isWhole(line: Buffer): boolean {
    return this.encoding.endsLine(line) || this.place.at + line.length === this.source.size;
  }

  /** Returns true if room exists for the bytes before `end`, and a separator. */
  private async fits(end: number): Promise<boolean> {
    const { place, encoding, source } = this;
    const room = this.room - separator.length;
    if ((end - place.at) / encoding.unitBytes > room) return false;
    return encoding.utf8(await source.range(place.at, end)).length <= room;
  }

  /**
   * Passes the unwanted lines of a block, up to a line that is wanted or that continues in the next block. Returns
   * false if none was passed.
   */
  private skim(bytes: Buffer): boolean {
    const { place, pattern } = this;
    if (place.after > 0) return false;
    const start = place.at;
    let next = 0;
    while (this.work < workMax) {
      const found = this.encoding.lineEnd(bytes, next);
      if (found < 0 || found - next > pattern.lineBytesMax) break;
      const line = bytes.subarray(next, found);
      if (this.takes(line)) break;
      this.work += line.length * pattern.instructions;
      this.remember(start + next);
      next = found;
      this.nextLine(start + next);
    }
    return next > 0;
  }

  private remember(at: number): void {
    const { before } = this.place;
    if (this.window.before === 0) return;
    before.push(at);
    if (before.length > this.window.before) before.shift();
  }

  /** Gives other calls a turn. Returns false if this call has taken its time. */
  private async pause(): Promise<boolean> {
    if (this.work >= workMax) {
      this.work = 0;
      await turn();
    }
    return !this.source.isSpent;
  }

  /** Records that the line at the place matches, and goes back to the lines to show before it. */
  private expect(): void {
    const { place } = this;
    place.match = place.line;
    place.at = place.before[0] ?? place.at;
    place.line -= place.before.length;
    place.before = [];
    place.after = 0;
  }

  /** Shows a line, or the fitting part of it. Returns false if the answer is full. */
  private async show(): Promise<boolean> {
    const { place } = this;
    const isRest = place.rest === 'shown';
    const needsSeparator = !isRest && place.shown > 0 && place.line > place.shown + 1;
    const room = this.room - (needsSeparator ? separator.length : 0);
    const isFirst = this.pieces.length === 0;
    if (room <= 0) return false;
    const line = await this.beginning(room * this.encoding.unitBytes + lookAhead);
    const fitting = this.encoding.fitting(line, room);
    const isWhole = fitting === line.length && this.isWhole(line);
    if (!isWhole && !isFirst) return false;
    if (needsSeparator) this.add(separator);
    if (needsSeparator && !isWhole && room < roomMin) {
      // The line begins in the next answer, and is not apart from the lines that were shown.
      place.shown = place.line - 1;
      return false;
    }
    this.count(isRest);
    const piece = line.subarray(0, fitting);
    this.judge(piece);
    this.startOffset ??= place.at;
    this.add(this.encoding.utf8(piece));
    this.endOffset = place.at + fitting;
    if (isWhole) this.nextLine(place.at + fitting);
    else {
      place.at += fitting;
      place.rest = 'shown';
    }
    return isWhole;
  }

  /** Records the line that is shown. */
  private count(isRest: boolean): void {
    const { place } = this;
    this.firstLine ??= place.line;
    place.shown = place.line;
    if (isRest) return;
    if (place.line === place.match) {
      this.matches.push({ line: place.line, offset: place.at, textLine: this.lineFeeds + 1 });
      place.after = this.window.after;
    } else if (place.line > place.match) place.after--;
  }

  private add(piece: Buffer): void {
    this.pieces.push(piece);
    this.room -= piece.length;
    if (piece.at(-1) === separator.at(-1)) this.lineFeeds++;
  }
}
