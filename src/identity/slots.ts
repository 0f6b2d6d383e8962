/** A number of slots for each key; work without a slot waits its turn. Remembers only keys that are in use. */
export class Slots {
  private readonly max: number;
  private readonly inUse = new Map<string, { count: number; readonly waiting: (() => void)[] }>();

  constructor(max: number) {
    this.max = max;
  }

  /** The number of keys in use. */
  get size(): number {
    return this.inUse.size;
  }

  /** Runs `work` when a slot is free for it. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const slots = this.inUse.get(key) ?? { count: 0, waiting: [] };
    this.inUse.set(key, slots);
    if (slots.count < this.max) slots.count++;
    else await new Promise<void>((resolve) => slots.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = slots.waiting.shift();
      if (next !== undefined) next();
      else if (--slots.count === 0) this.inUse.delete(key);
    }
  }
}
