/** How much one call of maintenance may do. */
export interface Bounds {
  /** Things of all kinds together. */
  readonly itemsMax: number;
  /** True when the time of the call is up: nothing more is begun. */
  isOver(): boolean;
}
