/** A transaction whose writes are seen by itself and by nobody else: for dry runs. */
import { textOf } from '../../index/bytes.ts';
import type { Tx } from '../../index/door.ts';
import type { Family } from '../../index/family.ts';
import type { Key, Value, Write } from '../../index/row.ts';

export class Rehearsal implements Tx {
  private readonly tx: Tx;
  readonly written: Map<string, Write>;

  constructor(tx: Tx, written = new Map<string, Write>()) {
    this.tx = tx;
    this.written = written;
  }

  get ns(): string {
    return this.tx.ns;
  }

  get now(): number {
    return this.tx.now;
  }

  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined {
    const value = this.value(family.key(...parts));
    return value === undefined ? undefined : family.decode(value);
  }

  value(key: Key): Value | undefined {
    const written = this.written.get(textOf(key));
    if (written === undefined) return this.tx.value(key);
    return written.type === 'put' ? written.value : undefined;
  }

  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void {
    this.write(family.put(parts, value));
  }

  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void {
    this.write(family.del(...parts));
  }

  write(write: Write): void {
    this.written.set(textOf(write.key), write);
  }

  random(length: number): Uint8Array {
    return this.tx.random(length);
  }

  mintId(): Uint8Array {
    return this.tx.mintId();
  }

  in(ns: string): Tx {
    return new Rehearsal(this.tx.in(ns), this.written);
  }
}
