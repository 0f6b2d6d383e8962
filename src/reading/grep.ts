import { Buffer } from 'node:buffer';
import { turn } from '../domain/timer.ts';
import { lineFeed } from './lines.ts';
import type { Pattern } from './pattern.ts';
import type { Source } from './source.ts';
import { characterEnd, lookAhead, textOf } from './utf8.ts';
import type { GrepWindow, Match, Reading } from './window.ts';

/** Where an answer goes on: everything that the search knows between two bytes. */
export interface GrepPlace {
  readonly at: number;
  /** The number of the line at `at`. */
  readonly line: number;
  /** `at` lies within a line, whose rest is to be `shown` or to be `passed` over. */
  readonly rest?: 'shown' | 'passed' | undefined;
  /** Where the lines begin that were passed and would be shown before a match; they lie next to each other. */
  readonly before: readonly number[];
  /** The line that is known to match; what comes before it is to be shown. 0: none is. */
  readonly match: number;
  /** How many of the next lines are shown whether they match or not. */
  readonly after: number;
  /** The last line that was shown. 0: none was. */
  readonly shown: number;
}

const begin: GrepPlace = { at: 0, line: 1, before: [], match: 0, after: 0, shown: 0 };

/** What stands between groups of lines that are apart. */
const separator = Buffer.from('--\n');
/** Less than this might not hold a character. */
const roomMin = 4;
/** How much is matched before others have their turn: bytes times instructions. */
const stepsMax = 4 * 1024 * 1024;

type Mutable<T> = { -readonly [P in keyof T]: T[P] };

/** Reads the lines that a pattern takes, with those around them. */
export function readGrep(
  source: Source,
  window: GrepWindow,
  pattern: Pattern,
  bytesMax: number,
  place: GrepPlace = begin,
): Promise<Reading<GrepPlace>> {
  return new Grep(source, window, pattern, bytesMax, place).read();
}

class Grep {
  private readonly source: Source;
  private readonly window: GrepWindow;
  private readonly pattern: Pattern;
  private readonly place: Mutable<GrepPlace> & { before: number[] };
  private room: number;
  private readonly pieces: Buffer[] = [];
  private lineFeeds = 0;
  private readonly matches: Match[] = [];
  private startOffset: number | undefined;
  private endOffset: number | undefined;
  private firstLine: number | undefined;
  private steps = 0;

  constructor(source: Source, window: GrepWindow, pattern: Pattern, bytesMax: number, place: GrepPlace) {
    this.source = source;
    this.window = window;
    this.pattern = pattern;
    this.place = { ...place, before: [...place.before] };
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
      content: { text: textOf(Buffer.concat(this.pieces)) },
      startOffset: this.startOffset ?? place.at,
      endOffset: this.endOffset ?? place.at,
      ...(this.firstLine === undefined ? {} : { firstLine: this.firstLine }),
      matches: this.matches,
      next: hasMore ? place : undefined,
    };
  }

  /** Goes over the rest of a long line. False: enough has been read for one answer. */
  private async pass(): Promise<boolean> {
    const { place } = this;
    const bytes = await this.source.from(place.at);
    const found = bytes.indexOf(lineFeed);
    if (found >= 0) this.nextLine(place.at + found + 1);
    else place.at += bytes.length;
    return found >= 0 || !this.source.spent;
  }

  private nextLine(at: number): void {
    this.place.at = at;
    this.place.line++;
    this.place.rest = undefined;
  }

  /** Shows or passes a line, or several. False: the answer is complete. */
  private async line(): Promise<boolean> {
    const { place, window } = this;
    if (place.rest === 'shown' || place.line <= place.match) return await this.show();
    const bytes = await this.source.from(place.at);
    if (this.skim(bytes)) return await this.pause();
    const line = await this.beginning(this.pattern.needed);
    this.steps += line.length * this.pattern.instructions;
    if (this.pattern.takes(line)) {
      const groupEnd = place.at + line.length;
      this.expect();
      // It has been looked for so that the answer says whether there is more.
      if (this.matches.length >= window.matchesMax) return false;
      // What stands before a match is not shown without it, unless an answer cannot hold both.
      return this.pieces.length === 0 || groupEnd - place.at + separator.length <= this.room;
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

  /** The line at the place with its end, or so many bytes of it. */
  private async beginning(bytesMax: number): Promise<Buffer> {
    const { at } = this.place;
    const near = (await this.source.from(at)).subarray(0, bytesMax);
    const nearEnd = near.indexOf(lineFeed);
    if (nearEnd >= 0) return near.subarray(0, nearEnd + 1);
    const line = await this.source.range(at, at + bytesMax);
    const end = line.indexOf(lineFeed);
    return end < 0 ? line : line.subarray(0, end + 1);
  }

  private isWhole(line: Buffer): boolean {
    return line.at(-1) === lineFeed || this.place.at + line.length === this.source.size;
  }

  /** Passes the lines of a block that are not wanted, up to one that is or that goes on in the next. False: none. */
  private skim(bytes: Buffer): boolean {
    const { place, pattern } = this;
    if (place.after > 0) return false;
    const start = place.at;
    let next = 0;
    while (this.steps < stepsMax) {
      const found = bytes.indexOf(lineFeed, next);
      if (found < 0 || found - next > pattern.lineBytesMax) break;
      const line = bytes.subarray(next, found + 1);
      if (pattern.takes(line)) break;
      this.steps += line.length * pattern.instructions;
      this.remember(start + next);
      next = found + 1;
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

  /** Lets others have their turn. False: this call has taken its time. */
  private async pause(): Promise<boolean> {
    if (this.steps >= stepsMax) {
      this.steps = 0;
      await turn();
    }
    return !this.source.spent;
  }

  /** The line at the place matches: goes back to what is shown before it. */
  private expect(): void {
    const { place } = this;
    place.match = place.line;
    place.at = place.before[0] ?? place.at;
    place.line -= place.before.length;
    place.before = [];
    place.after = 0;
  }

  /** Shows a line, or what fits of it. False: the answer is full. */
  private async show(): Promise<boolean> {
    const { place } = this;
    const isRest = place.rest === 'shown';
    const needsSeparator = !isRest && place.shown > 0 && place.line > place.shown + 1;
    const room = this.room - (needsSeparator ? separator.length : 0);
    const isFirst = this.pieces.length === 0;
    if (room <= 0) return false;
    const line = await this.beginning(room + lookAhead);
    const isWhole = line.length <= room && this.isWhole(line);
    if (!isWhole && !isFirst) return false;
    if (needsSeparator) this.add(separator);
    if (needsSeparator && !isWhole && room < roomMin) {
      // The line begins with the next answer, and is not apart from what was shown.
      place.shown = place.line - 1;
      return false;
    }
    this.count(isRest);
    const end = isWhole ? line.length : characterEnd(line, room);
    this.startOffset ??= place.at;
    this.add(line.subarray(0, end));
    this.endOffset = place.at + end;
    if (isWhole) this.nextLine(place.at + end);
    else {
      place.at += end;
      place.rest = 'shown';
    }
    return isWhole;
  }

  /** Notes what the line is that is shown. */
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
    if (piece.at(-1) === lineFeed) this.lineFeeds++;
  }
}
