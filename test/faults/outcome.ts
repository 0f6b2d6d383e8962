/** What the long rigs of `npm run faults` are to each other: a name, a sentence, and outcomes part by part. */

/** What a part of a rig came to. */
export interface Outcome {
  readonly name: string;
  /** Empty if all is well. */
  readonly faults: readonly string[];
  /** One line: what was counted. */
  readonly said: string;
}

/** What a rig goes by. */
interface RigOptions {
  /** A new seed at each call; all of them follow from the one that was given. */
  readonly seed: () => number;
  /** The value of one of the rig's own options; undefined if it was not given. */
  readonly option: (name: string) => string | undefined;
  /** A whole number: that of one of the rig's own options, or the other if it was not given. */
  readonly count: (name: string, otherwise: number) => number;
  /** Whether the time that was given is over: no further part is begun. */
  readonly isOver: () => boolean;
}

/** One rig. `--<name>` chooses it. */
export interface NamedRig {
  readonly name: string;
  /** What happens in it, as a clause. */
  readonly tries: string;
  /** The tests that are its short form. */
  readonly short?: string;
  /** Its own options by name: what each says, and what holds without it. */
  readonly options?: Readonly<Record<string, string>>;
  /** It runs only if it is chosen. */
  readonly isOnlyByName?: true;
  /** Why it cannot run here; undefined if it can. Default: it can. */
  readonly obstacle?: () => string | undefined;
  readonly play: (options: RigOptions) => AsyncIterable<Outcome>;
}
