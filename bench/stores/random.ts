/** Pseudo-random numbers that are the same on every machine: a store is what its seed says. */
import { createHash } from 'node:crypto';

/** The generator sfc32, which is fast and passes the usual tests. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** Streams of different names are independent of each other. */
  constructor(...name: readonly (string | number)[]) {
    const seed = createHash('sha256').update(name.join('/')).digest();
    this.a = seed.readInt32LE(0);
    this.b = seed.readInt32LE(4);
    this.c = seed.readInt32LE(8);
    this.d = seed.readInt32LE(12);
  }

  /** 32 bits. */
  bits(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to, and without, 1. */
  unit(): number {
    return this.bits() / 2 ** 32;
  }

  /** A whole number from 0 up to, and without, `end`. */
  below(end: number): number {
    return Math.floor(this.unit() * end);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

/** Draws from a list so that the n-th of it comes up in proportion to 1 / n^`exponent`. */
export class Zipf<T> {
  readonly values: readonly T[];
  /** Of each value, how likely it or one before it is. */
  private readonly upTo: readonly number[];

  constructor(values: readonly T[], exponent: number) {
    const weights = values.map((_, at) => 1 / (at + 1) ** exponent);
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    this.values = values;
    this.upTo = weights.map((weight) => {
      sum += weight;
      return sum / whole;
    });
  }

  draw(random: Random): T {
    const wanted = random.unit();
    let low = 0;
    let high = this.upTo.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.upTo[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return this.values[low]!;
  }
}
