/** A fault that is planted in a copy of the source. */
export interface Plant {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** What else is replaced in the file, since one replacement alone does no harm. */
  readonly also?: readonly Pick<Plant, 'from' | 'to'>[];
  /** What is to find it. Default: the kills. */
  readonly rig?: 'power' | 'deletion' | 'reaping' | 'volume' | 'bucket' | 'direct' | 'outage' | 'replicas';
  /** Instead of a rig: the tests that are to find it. */
  readonly tests?: readonly string[];
}
