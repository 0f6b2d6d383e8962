/** The requested rows, as decisions and look-ups read them. */
import { textOf } from './bytes.ts';
import { KeyNotAsked, type Rows } from './door.ts';
import type { Family } from './family.ts';
import type { Key, Value } from './row.ts';

/** A row that can be read. The decoded value is kept: it is read more than once. */
interface Loaded {
  readonly value: Value | undefined;
  decoded?: unknown;
}

/** The keys of lacking rows, each once, by {@link textOf} the key. */
export type Lacking = ReadonlyMap<string, Key>;

const none: Lacking = new Map();

/** The rows that one decision or look-up has got so far. */
export class LoadedRows implements Rows {
  private readonly loaded = new Map<string, Loaded>();

  /** The number of rows. */
  get size(): number {
    return this.loaded.size;
  }

  /** Returns those of these rows that are still lacking. */
  lacking(wanted: readonly Key[]): Lacking {
    let lacking: Map<string, Key> | undefined;
    for (const key of wanted) {
      const text = textOf(key);
      if (this.loaded.has(text)) continue;
      lacking ??= new Map();
      lacking.set(text, key);
    }
    return lacking ?? none;
  }

  /** @param text the text of the key. */
  give(text: string, value: Value | undefined): void {
    this.loaded.set(text, { value });
  }

  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined {
    const key = family.key(...parts);
    return this.decoded(family, key, textOf(key));
  }

  /** Returns the decoded row of a key whose text is known. */
  decoded<P extends readonly unknown[], V>(family: Family<P, V>, key: Key, text: string): V | undefined {
    const row = this.row(key, text);
    if (row.value === undefined) return undefined;
    row.decoded ??= family.decode(row.value);
    return row.decoded as V;
  }

  value(key: Key): Value | undefined {
    return this.row(key, textOf(key)).value;
  }

  private row(key: Key, text: string): Loaded {
    const row = this.loaded.get(text);
    if (row === undefined) throw new KeyNotAsked(key);
    return row;
  }
}
