/** Logs what a start waits for, if it takes long. */
import { type After, afterRealTime } from '../domain/timer.ts';

/** The stages of a start, in their order, and what each waits for. */
const stages = {
  program: 'loading the program',
  settings: 'reading certificates and settings, and opening the admin listener',
  lock: 'checking the rights of the data directory, and waiting for another process that has it open',
  contents: 'searching for contents, because no index exists',
  files: 'reading the ends of the logs of the index, and listing its tables',
  database: 'opening the index with LevelDB, which replays its log',
  checks: 'checking the newest tables and the commits of the index',
  rows: 'reading settings, and writing rows that an earlier version did not write',
  staging: 'removing files that earlier processes left staged',
  seals: 'completing seals that were interrupted',
  listening: 'opening the listeners',
} as const;

/** One of the stages of a start. */
export type StartStage = keyof typeof stages;

/** Watches the start of this process. */
export function watchStart(log: Pick<SlowStartOptions, 'warn' | 'info'>): SlowStart {
  return new SlowStart({
    elapsed: () => performance.now(),
    after: afterRealTime,
    warn: (fields, message) => log.warn(fields, message),
    info: (fields, message) => log.info(fields, message),
  });
}

interface SlowStartOptions {
  /** Returns milliseconds since the process began. */
  readonly elapsed: () => number;
  readonly after: After;
  readonly warn: (fields: object, message: string) => void;
  /** Called when a start that was slow has ended. */
  readonly info: (fields: object, message: string) => void;
}

/** A start that takes longer is slow. */
const slowMs = 2_000;
/**
 * The longest time between two lines, in milliseconds. The lines begin at {@link slowMs}, and each wait is twice the
 * one before.
 */
const pauseMsMax = 60_000;

/** Watches one start. */
export class SlowStart implements Disposable {
  private readonly options: SlowStartOptions;
  private stage: StartStage = 'program';
  private enteredMs = 0;
  private pauseMs = slowMs;
  private told = false;
  private cancel: (() => void) | undefined;
  private readonly tookMs = new Map<StartStage, number>();

  constructor(options: SlowStartOptions) {
    this.options = options;
    this.enter('settings');
    this.arm(Math.max(0, slowMs - this.enteredMs));
  }

  private arm(ms: number): void {
    this.cancel = this.options.after(ms, () => this.tell());
  }

  /** Ends the stage before and begins this one. */
  enter(stage: StartStage): void {
    this.count();
    this.stage = stage;
  }

  private count(): void {
    const now = this.options.elapsed();
    this.tookMs.set(this.stage, (this.tookMs.get(this.stage) ?? 0) + now - this.enteredMs);
    this.enteredMs = now;
  }

  private tell(): void {
    const now = this.options.elapsed();
    this.told = true;
    this.options.warn(
      {
        stage: this.stage,
        stage_ms: Math.round(now - this.enteredMs),
        start_ms: Math.round(now),
        before_ms: this.tookSoFar(),
      },
      `still starting; now ${stages[this.stage]}`,
    );
    this.arm(this.pauseMs);
    this.pauseMs = Math.min(2 * this.pauseMs, pauseMsMax);
  }

  /**
   * Records that the service has started. Logs the time of each stage if the start was slow, even if no timer could run
   * meanwhile.
   */
  end(): void {
    this.count();
    this[Symbol.dispose]();
    const startMs = this.options.elapsed();
    if (!this.told && startMs < slowMs) return;
    this.options.info({ start_ms: Math.round(startMs), stages_ms: this.tookSoFar() }, 'the start was slow');
  }

  /** Returns whole milliseconds for each stage that is over. */
  private tookSoFar(): Partial<Record<StartStage, number>> {
    return Object.fromEntries([...this.tookMs].map(([stage, ms]) => [stage, Math.round(ms)]));
  }

  /** Ends the watch: the start is given up, or over. */
  [Symbol.dispose](): void {
    this.cancel?.();
  }
}
