/**
 * JSON of which only the beginning may have come. What came is a tree; what was cut says so. It is a loop without
 * recursion, so that depth costs nothing.
 */

/** A value. */
export interface JsonNode {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'literal';
  /** The key in its object, or the index in its array. Empty: the root. */
  readonly key: string;
  /** JSON pointer from the root. */
  readonly pointer: string;
  /** As it is written; only for a value without members. */
  readonly text: string;
  readonly members: readonly JsonNode[];
  /** True: the text ended within it. */
  readonly isCut: boolean;
}

type Building = { -readonly [Part in keyof JsonNode]: JsonNode[Part] } & { members: Building[] };

/** The most values of one tree. Those after are as if cut. */
const nodesMax = 50_000;

const scalar = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const textPattern = /"(?:[^"\\]|\\.)*"/sy;
const gap = /[\s,:]*/y;

/** Parses as much as came. Undefined: it does not begin like JSON. @param root the pointer of the whole text. */
export function parsePartial(text: string, root = ''): JsonNode | undefined {
  const reader = new Reader(text, root);
  return reader.read();
}

class Reader {
  private readonly text: string;
  private readonly root: string;
  private at = 0;
  private count = 0;
  private readonly open: Building[] = [];
  private whole: Building | undefined;

  constructor(text: string, root: string) {
    this.text = text;
    this.root = root;
  }

  read(): JsonNode | undefined {
    for (;;) {
      this.match(gap);
      if (this.at >= this.text.length || this.count >= nodesMax) return this.cut();
      const character = this.text[this.at]!;
      if (character === '}' || character === ']') {
        this.at++;
        const closed = this.open.pop();
        if (closed === undefined) return undefined;
        closed.isCut = false;
        if (this.open.length === 0) return this.whole;
        continue;
      }
      const key = this.key();
      if (key === undefined) return this.cut();
      if (!this.value(key)) return this.count === 0 ? undefined : this.cut();
      if (this.open.length === 0) return this.whole;
    }
  }

  /** The key of the next value. Undefined: the text ends before it has one. */
  private key(): string | undefined {
    const parent = this.open.at(-1);
    if (parent === undefined) return '';
    if (parent.kind === 'array') return String(parent.members.length);
    const written = this.match(textPattern);
    if (written === undefined) return undefined;
    this.match(gap);
    return plain(written);
  }

  private value(key: string): boolean {
    const parent = this.open.at(-1);
    const pointer =
      parent === undefined
        ? this.root
        : `${parent.pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const character = this.text[this.at];
    if (character === undefined) return false;
    if (character === '{' || character === '[') {
      this.at++;
      const kind = character === '{' ? 'object' : 'array';
      this.open.push(this.add({ kind, key, pointer, text: '', members: [], isCut: true }, parent));
      return true;
    }
    if (character === '"') {
      const whole = this.match(textPattern);
      const text = whole ?? this.text.slice(this.at);
      if (whole === undefined) this.at = this.text.length;
      this.add({ kind: 'string', key, pointer, text, members: [], isCut: whole === undefined }, parent);
      return true;
    }
    const text = this.match(scalar);
    if (text === undefined) return false;
    const kind = /^[tfn]/.test(text) ? 'literal' : 'number';
    this.add({ kind, key, pointer, text, members: [], isCut: false }, parent);
    return true;
  }

  private add(node: Building, parent: Building | undefined): Building {
    this.count++;
    if (parent === undefined) this.whole = node;
    else parent.members.push(node);
    return node;
  }

  private cut(): JsonNode | undefined {
    return this.whole;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }
}

function plain(written: string): string {
  try {
    return JSON.parse(written) as string;
  } catch {
    return written.slice(1, -1);
  }
}
