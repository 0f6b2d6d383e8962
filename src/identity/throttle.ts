/** Token buckets for many keys in bounded memory (the leaky bucket of ITU-T I.371, as a meter). */

interface ThrottleOptions {
  /** The number of events that pass in a second, on average. */
  readonly perSecond: number;
  /** The number that pass at once after a rest. */
  readonly burst: number;
  /** The number of keys that it remembers; the least recently used are forgotten first. */
  readonly keysMax: number;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
}

interface Bucket {
  readonly level: number;
  readonly atMs: number;
}

/** Counts events of each key, and says how long a key with too many events must wait. */
export class Throttle {
  private readonly options: ThrottleOptions;
  /** In the order of their last use. */
  private readonly buckets = new Map<string, Bucket>();

  constructor(options: ThrottleOptions) {
    this.options = options;
  }

  /** The number of keys that it remembers. */
  get size(): number {
    return this.buckets.size;
  }

  /** Returns the milliseconds until the key may continue; 0: now. */
  waitMs(key: string): number {
    const { perSecond, burst } = this.options;
    return Math.max(0, Math.ceil(((this.level(key) - burst + 1) / perSecond) * 1000));
  }

  /** Counts one event. */
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
