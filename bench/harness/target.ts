/** What a target measures, and what it is given for that. */
import type { KeptStore } from '../stores/cache.ts';
import type { Plot } from './plot.ts';

export interface Context {
  /** How often everything is measured; fewer than {@link runsForVerdict} give no verdict. */
  readonly runs: number;
  /** Small sizes, to see that everything works. Gives no verdict either. */
  readonly quick: boolean;
  /** How many artifacts the stores have that are to be measured on, ascending. */
  readonly sizes: readonly number[];
  /** The generated store of so many artifacts. Targets only read it. */
  readonly store: (artifacts: number) => Promise<KeptStore>;
  /** An empty directory on the file system to be measured; removed at the end. */
  readonly directory: string;
  /** Says on standard error what is going on. */
  readonly say: (message: string) => void;
}

/** Below this many runs nothing is said to hold or to fall short. */
export const runsForVerdict = 5;

/** One file of `bench/` exports one of these; `main.ts` lists them. */
export interface Target {
  /** As it is asked for on the command line, e.g. `p1`. */
  readonly name: string;
  readonly what: string;
  /** It takes generated stores: they are built before its time runs. */
  readonly needsStores?: boolean;
  /** The longest that it may take, stores not yet built apart. Default 20. */
  readonly minutesMax?: number;
  /** Builds what it keeps beside the stores, before its time runs. Default: it keeps nothing. */
  prepare?(context: Context): Promise<void>;
  measure(context: Context): Promise<readonly Figure[]>;
}

/** One value for each run. */
export interface Series {
  readonly label: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** What a figure must be, and what comes after that. */
interface Requirement {
  readonly bound: 'at least' | 'at most';
  readonly value: number;
  readonly next?: number;
}

/** One line of the table. */
export interface Figure {
  /** As docs/performance.md calls it, e.g. `P5b`. */
  readonly id: string;
  readonly what: string;
  /** What the requirement is about: the paired ratios, or a quantity if it has a unit. */
  readonly result: Series;
  /** None: it is shown for comparison. */
  readonly requirement?: Requirement;
  /** Why nothing was measured: what is missing here. Then no series has values. */
  readonly missing?: string;
  readonly ours?: Series;
  readonly control?: Series;
  /** Processor time of the server, user and system together. */
  readonly serverCpu?: Series;
  /** The same of the control, for as much work. */
  readonly controlCpu?: Series;
  /** What else was measured on the way: the parts of a bound, other percentiles. */
  readonly others: readonly Series[];
  /** What a reader must know to judge the figure. */
  readonly notes: readonly string[];
  readonly plots?: readonly Plot[];
}
