/** A map that forgets by halves what was not used lately: an order of use would cost each read more. */

/** Texts and their values, within a number of bytes. */
export class AgingMap<V> {
  private readonly bytesMax: number;
  private readonly bytesOf: (text: string, value: V) => number;
  /** The values that were used lately, and those before them. */
  private young = new Map<string, V>();
  private old = new Map<string, V>();
  private youngBytes = 0;

  /** @param bytesOf returns the approximate bytes of memory that a value takes. */
  constructor(bytesMax: number, bytesOf: (text: string, value: V) => number) {
    this.bytesMax = bytesMax;
    this.bytesOf = bytesOf;
  }

  /** Returns a value, which is used now. */
  get(text: string): V | undefined {
    const found = this.young.get(text);
    if (found !== undefined || this.old.size === 0) return found;
    const aged = this.old.get(text);
    if (aged === undefined) return undefined;
    this.set(text, aged);
    return aged;
  }

  get isEmpty(): boolean {
    return this.young.size === 0 && this.old.size === 0;
  }

  /** Returns true if it has a value, which does not count as used by that. */
  has(text: string): boolean {
    return this.young.has(text) || this.old.has(text);
  }

  /** Keeps a value, which is used now. When half of the bytes are used, what was not used since the last time is forgotten. */
  set(text: string, value: V): void {
    this.delete(text);
    this.young.set(text, value);
    this.youngBytes += this.bytesOf(text, value);
    if (this.youngBytes < this.bytesMax / 2) return;
    this.old = this.young;
    this.young = new Map();
    this.youngBytes = 0;
  }

  delete(text: string): void {
    const value = this.young.get(text);
    if (value !== undefined) this.youngBytes -= this.bytesOf(text, value);
    this.young.delete(text);
    this.old.delete(text);
  }

  clear(): void {
    this.young = new Map();
    this.old = new Map();
    this.youngBytes = 0;
  }
}
