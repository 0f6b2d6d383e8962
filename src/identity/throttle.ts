/** Token buckets for many keys in bounded memory (the leaky bucket of ITU-T I.371, as a meter). */

interface ThrottleOptions {
  /** How many are let through a second, on average. */
  readonly perSecond: number;
  /** How many at once after a rest. */
  readonly burst: number;
  /** For how many keys it remembers anything; those that were used least recently are forgotten first. */
  readonly keysMax: number;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
}

interface Bucket {
  readonly level: number;
  readonly atMs: number;
}

/** Counts events of each key, and tells how long one that had too many has to wait. */
export class Throttle {
  private readonly options: ThrottleOptions;
  /** In the order of their last use. */
  private readonly buckets = new Map<string, Bucket>();

  constructor(options: ThrottleOptions) {
    this.options = options;
  }

  /** How many keys it remembers. */
  get size(): number {
    return this.buckets.size;
  }

  /** Milliseconds until the key may go on; 0: now. */
  waitMs(key: string): number {
    const { perSecond, burst } = this.options;
    return Math.max(0, Math.ceil(((this.level(key) - burst + 1) / perSecond) * 1000));
  }

  /** Counts one. */
  count(key: string): void {
    const level = this.level(key) + 1;
    this.buckets.delete(key);
    this.buckets.set(key, { level, atMs: this.options.elapsed() });
    if (this.buckets.size > this.options.keysMax) this.buckets.delete(this.buckets.keys().next().value!);
  }

  private level(key: string): number {
    const bucket = this.buckets.get(key);
    if (bucket === undefined) return 0;
    const drained = ((this.options.elapsed() - bucket.atMs) / 1000) * this.options.perSecond;
    return Math.max(0, bucket.level - drained);
  }
}
