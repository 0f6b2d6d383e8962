/** The limits for the work of one call of maintenance. */
export interface Bounds {
  /** The most things, of all kinds together. */
  readonly itemsMax: number;
  /** Returns true when the time of the call is over: no further work begins. */
  isOver(): boolean;
}

/** The remainder of the bounds of a call. */
export class Budget {
  private readonly bounds: Bounds;
  private readonly isStopped: () => boolean;
  private used = 0;

  /** @param isStopped returns true when the store is about to close. */
  constructor(bounds: Bounds, isStopped: () => boolean = () => false) {
    this.bounds = bounds;
    this.isStopped = isStopped;
  }

  get itemsLeft(): number {
    return Math.max(0, this.bounds.itemsMax - this.used);
  }

  use(items: number): void {
    this.used += items;
  }

  /** Returns true when no further work may begin. */
  isOver(): boolean {
    return this.itemsLeft === 0 || this.isStopped() || this.bounds.isOver();
  }
}
