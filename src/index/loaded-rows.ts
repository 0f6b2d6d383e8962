/** Rows that were asked for, as decisions and look-ups read them. */
import { textOf } from './bytes.ts';
import { KeyNotAsked, type Rows } from './door.ts';
import type { Family } from './family.ts';
import type { Key, Value } from './row.ts';

/** A row that is there to be read. What a family makes of its value is kept: it is asked for more than once. */
interface Loaded {
  readonly value: Value | undefined;
  decoded?: unknown;
}

/** Keys of rows that are lacking, each once, by {@link textOf} it. */
export type Lacking = ReadonlyMap<string, Key>;

/** The rows that one decision or look-up was given so far. */
export class LoadedRows implements Rows {
  private readonly loaded = new Map<string, Loaded>();

  /** How many rows there are. */
  get size(): number {
    return this.loaded.size;
  }

  /** Of these rows those that are not there yet. */
  lacking(wanted: readonly Key[]): Lacking {
    const lacking = new Map<string, Key>();
    for (const key of wanted) {
      const text = textOf(key);
      if (!this.loaded.has(text)) lacking.set(text, key);
    }
    return lacking;
  }

  /** @param text of the key. */
  give(text: string, value: Value | undefined): void {
    this.loaded.set(text, { value });
  }

  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined {
    const key = family.key(...parts);
    return this.decoded(family, key, textOf(key));
  }

  /** The row of a key whose text is known. */
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
