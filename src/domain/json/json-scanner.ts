/**
 * Finds one value in the text of a JSON document (RFC 8259) without building the others. The memory that it keeps does
 * not grow with the document. It returns the value as it was written, with every digit of its numbers.
 */
import type { Buffer } from 'node:buffer';

/** A value on the way of a pointer. */
export interface Waypoint {
  readonly type: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';
  /** Some keys of an object. */
  readonly keys: readonly string[];
  /** The number of values in an object or array. */
  readonly count: number;
}

/** The number of keys that are kept of each object on the way. */
const keysKept = 10;

/** The greatest depth of containers within each other. */
const depthMax = 10_000;

const quote = 0x22;
const backslash = 0x5c;

/** The error of a document that is not JSON. */
export class JsonSyntaxError extends Error {
  readonly offset: number;
  /** In words, without the place. */
  readonly fault: string;

  constructor(offset: number, fault: string) {
    super(`${fault} at byte ${offset}`);
    this.offset = offset;
    this.fault = fault;
  }
}

type Mutable<T> = { -readonly [P in keyof T]: T[P] };
type Way = Mutable<Omit<Waypoint, 'keys'>> & { keys: string[] };

/** The kind of token that comes next. */
type State = 'value' | 'first value' | 'first key' | 'key' | 'after';

/** Scans one document, once, in parts. */
export class JsonScanner {
  private readonly bytes: Buffer;
  private readonly tokens: readonly string[];
  private at: number;
  private state: State = 'value';
  /** For each open container, whether it is an object. */
  private readonly isObject: boolean[] = [];
  /** The number of open containers on the way, the outermost first. */
  private onWay = 0;
  /** The name of the next value within its container; kept only on the way. */
  private name: string | undefined;
  /** The values on the way that were found, the document first. */
  readonly way: Way[] = [];
  private targetStart = -1;
  private targetEnd = -1;

  /** @param start the offset where the document begins: after a byte order mark. */
  constructor(bytes: Buffer, start: number, tokens: readonly string[]) {
    this.bytes = bytes;
    this.tokens = tokens;
    this.at = start;
  }

  /**
   * The place of the value: `[start, end)`. Undefined if the value does not exist; {@link way} shows how far the way
   * goes.
   */
  get target(): { readonly start: number; readonly end: number } | undefined {
    return this.way.length > this.tokens.length
      ? { start: this.targetStart, end: this.targetEnd }
      : undefined;
  }

  /** Scans some more bytes. Returns true when the document is done. @throws JsonSyntaxError. */
  scan(bytesMax: number): boolean {
    const pause = this.at + bytesMax;
    while (this.at < pause) {
      this.skipSpace();
      if (this.state === 'after' && this.isObject.length === 0) {
        if (this.at < this.bytes.length) throw this.expected('the end');
        return true;
      }
      this.token();
    }
    return false;
  }

  private token(): void {
    const byte = this.bytes[this.at];
    switch (this.state) {
      case 'first value':
        if (byte === 0x5d) this.close();
        else this.value();
        return;
      case 'value':
        this.value();
        return;
      case 'first key':
        if (byte === 0x7d) this.close();
        else this.key();
        return;
      case 'key':
        this.key();
        return;
      case 'after':
        this.separator(byte);
    }
  }

  private separator(byte: number | undefined): void {
    const inObject = this.isObject.at(-1)!;
    if (byte === 0x2c) {
      this.at++;
      this.state = inObject ? 'key' : 'value';
    } else if (byte === (inObject ? 0x7d : 0x5d)) this.close();
    else throw this.expected(inObject ? '"," or "}"' : '"," or "]"');
  }

  private key(): void {
    if (this.bytes[this.at] !== quote) throw this.expected('a key in quotes');
    const start = this.at;
    this.string();
    this.name = undefined;
    if (this.onWay === this.isObject.length && this.onWay <= this.tokens.length) {
      const name = JSON.parse(this.bytes.toString('utf8', start, this.at)) as string;
      const own = this.way[this.onWay - 1]!;
      if (own.keys.length < keysKept) own.keys.push(name);
      this.name = name;
    }
    this.skipSpace();
    if (this.bytes[this.at] !== 0x3a) throw this.expected('":"');
    this.at++;
    this.state = 'value';
  }

  private value(): void {
    const depth = this.isObject.length;
    const isOnWay = this.enter(depth);
    const start = this.at;
    const byte = this.bytes[start];
    if (isOnWay && depth === this.tokens.length) this.targetStart = start;
    if (byte === 0x7b || byte === 0x5b) {
      const isObject = byte === 0x7b;
      if (isOnWay) {
        this.way.push({ type: isObject ? 'object' : 'array', keys: [], count: 0 });
        this.onWay = depth + 1;
      }
      if (depth === depthMax)
        throw new JsonSyntaxError(this.at, `the values are nested more than ${depthMax} deep`);
      this.isObject.push(isObject);
      this.state = isObject ? 'first key' : 'first value';
      this.at++;
      return;
    }
    const type = this.scalar(byte);
    if (isOnWay) this.way.push({ type, keys: [], count: 0 });
    this.end(depth, isOnWay);
  }

  /**
   * Counts a value in its container. Returns true if the pointer goes through it. Of equal keys the last one counts.
   */
  private enter(depth: number): boolean {
    if (depth === 0) return true;
    if (this.onWay !== depth) return false;
    const parent = this.way[depth - 1]!;
    const name = parent.type === 'array' ? String(parent.count) : this.name;
    parent.count++;
    if (depth > this.tokens.length || name !== this.tokens[depth - 1]) return false;
    this.way.length = depth;
    return true;
  }

  private close(): void {
    this.at++;
    this.isObject.pop();
    const depth = this.isObject.length;
    const wasOnWay = this.onWay > depth;
    this.onWay = Math.min(this.onWay, depth);
    this.end(depth, wasOnWay);
  }

  private end(depth: number, isOnWay: boolean): void {
    if (isOnWay && depth === this.tokens.length) this.targetEnd = this.at;
    this.state = 'after';
  }

  private scalar(byte: number | undefined): Waypoint['type'] {
    if (byte === quote) {
      this.string();
      return 'string';
    }
    if (byte === 0x74) return this.word('true', 'boolean');
    if (byte === 0x66) return this.word('false', 'boolean');
    if (byte === 0x6e) return this.word('null', 'null');
    this.number();
    return 'number';
  }

  private word<T>(word: string, type: T): T {
    for (let index = 0; index < word.length; index++, this.at++)
      if (this.bytes[this.at] !== word.charCodeAt(index)) throw this.expected(word);
    return type;
  }

  private number(): void {
    if (this.bytes[this.at] === 0x2d) this.at++;
    if (this.bytes[this.at] === 0x30) this.at++;
    else this.digits('a value');
    if (this.bytes[this.at] === 0x2e) {
      this.at++;
      this.digits('a digit');
    }
    if ((this.bytes[this.at]! | 0x20) !== 0x65) return;
    this.at++;
    const sign = this.bytes[this.at];
    if (sign === 0x2b || sign === 0x2d) this.at++;
    this.digits('a digit');
  }

  private digits(expected: string): void {
    const start = this.at;
    while (isDigit(this.bytes[this.at])) this.at++;
    if (this.at === start) throw this.expected(expected);
  }

  private string(): void {
    for (this.at++; ; this.at++) {
      const byte = this.bytes[this.at];
      if (byte === quote) break;
      if (byte === undefined || byte < 0x20) throw this.expected('the end of a string');
      if (byte === backslash) this.escape();
    }
    this.at++;
  }

  /** Leaves the position at the last byte of the escape. */
  private escape(): void {
    this.at++;
    const byte = this.bytes[this.at];
    if (byte === 0x75) {
      for (let count = 0; count < 4; count++) {
        this.at++;
        if (!isHexadecimal(this.bytes[this.at])) throw this.expected('four hexadecimal digits');
      }
    } else if (byte === undefined || !escapes.has(byte)) throw this.expected('an escape');
  }

  private skipSpace(): void {
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.at++;
    }
  }

  private expected(what: string): JsonSyntaxError {
    return new JsonSyntaxError(this.at, `expected ${what}`);
  }
}

const escapes: ReadonlySet<number> = new Set([...'"\\/bfnrt'].map((character) => character.charCodeAt(0)));

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexadecimal(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
