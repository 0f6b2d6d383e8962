/** How much one call of maintenance may do. */
export interface Bounds {
  /** Things of all kinds together. */
  readonly itemsMax: number;
  /** True when the time of the call is up: nothing more is begun. */
  isOver(): boolean;
}

/** What is left of the bounds of a call. */
export class Budget {
  private readonly bounds: Bounds;
  private readonly isStopped: () => boolean;
  private used = 0;

  /** @param isStopped true when the store is about to close. */
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

  /** Nothing more is begun. */
  isOver(): boolean {
    return this.itemsLeft === 0 || this.isStopped() || this.bounds.isOver();
  }
}
