/** What a scenario of a disk is. */
export interface Outcome {
  readonly faults: readonly string[];
  readonly said: string;
}

export interface Scenario {
  readonly name: string;
  /** Why it cannot be played here; undefined if it can. */
  obstacle(): string | undefined;
  play(): Promise<Outcome>;
}
