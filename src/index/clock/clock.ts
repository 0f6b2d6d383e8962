/**
 * The time of the store. It follows the wall clock as long as the wall clock can be believed. At the start, the wall
 * clock is compared with the time of the newest commit; from then on, with the system's running time. The store's time
 * never decreases. See docs/decisions/0020-clock.md.
 */
import type { After } from '../../domain/timer.ts';

/** The clocks from which the time is made. */
export interface TimeSource {
  /** Returns milliseconds since the Unix epoch, according to the system's clock, which may be set. */
  wall(): number;
  /**
   * Returns milliseconds since some instant before the process began. This clock is never set.
   *
   * @param exactly false: time in which the system slept since the last exact call may be missing.
   */
  running(exactly: boolean): number;
  /**
   * True if `running` counts while the system sleeps. If it does not, a sleep looks the same as a wall clock that was
   * set forward.
   */
  readonly countsSleep: boolean;
}

/** The reason for which the wall clock is not believed. */
export interface Suspicion {
  /** The id changes when the wall clock is set again meanwhile. */
  readonly id: string;
  /** The start of the suspicion, in the service's time; milliseconds since the Unix epoch. */
  readonly startTime: number;
  /**
   * `behindMark`: at the start, the wall clock was before the newest commit. `departed`: it ran differently from the
   * system's running time.
   */
  readonly cause: 'behindMark' | 'departed';
  /** The wall clock, and the time that the service uses instead; milliseconds since the Unix epoch. */
  readonly wall: number;
  readonly time: number;
  /**
   * The time for which the two have agreed, in milliseconds; after `behindMark`, the time for which the wall clock has
   * not been behind.
   */
  readonly agreedMs: number;
}

/** The store was not in use for long, or the clock says so. */
export interface LongGap {
  readonly id: string;
  /**
   * Milliseconds since the Unix epoch: the newest commit before the gap, and the time when the store was opened again.
   */
  readonly from: number;
  readonly to: number;
  /** The time until the gap ends by itself, in milliseconds. */
  readonly leftMs: number;
}

/**
 * The statement of an operator that the wall clock was right while the service's time was ahead of it. From then on the
 * service's time runs at half speed until both are the same.
 */
export interface Confirmation {
  /** Both clocks at that instant, in milliseconds since the Unix epoch. */
  readonly wall: number;
  readonly time: number;
}

/** The limits of the clock's belief. */
export const clockLimits = {
  /** The most by which the wall clock may be off, in milliseconds. */
  departureMsMax: 5 * 60_000,
  /** The time for which the wall clock must have agreed to be believed again. */
  agreementMs: 5 * 60_000,
  /** A gap longer than this may be a clock that is wrong. */
  gapMsMax: 7 * 86_400_000,
  /** The time for which the service must be up after such a gap. */
  gapUptimeMs: 5 * 60_000,
  /**
   * When the wall clock has been believed for this long, its present instant becomes the reference for further steps.
   */
  anchorMs: 3_600_000,
  /** The time between two looks, if nothing else looks. */
  checkEveryMs: 5_000,
} as const;

interface ServiceClockOptions {
  readonly source: TimeSource;
  /** Called when the clock becomes suspect and when it is believed again. Default: nothing is called. */
  readonly warn?: (message: string) => void;
}

/** The wall clock and the running time at one instant. */
interface Instant {
  readonly wall: number;
  readonly running: number;
}

interface Doubt {
  readonly cause: Suspicion['cause'];
  readonly startTime: number;
  /** The service's time at an instant of the running time. It continues from there. */
  readonly base: { readonly time: number; readonly running: number };
  /** The time by which the wall clock was ahead when the id was last made. */
  aheadMs: number;
  /** The number of times that this has changed. */
  changes: number;
  /** The instant of the running time since when both agree. */
  agreedSince: number | undefined;
}

/** The time of one store, in milliseconds since the Unix epoch, and whether it may be wrong. */
export class ServiceClock {
  private readonly source: TimeSource;
  private readonly warn: (message: string) => void;
  private last = 0;
  /** The instant against which steps of the wall clock are measured. */
  private anchor: Instant;
  /** The last instant at which the wall clock was believed. */
  private goodWall: number;
  private goodRunning: number;
  private doubt: Doubt | undefined;
  private longGap: { readonly from: number; readonly to: number; readonly since: number } | undefined;
  private confirmed: Confirmation | undefined;
  private hasBegun = false;

  constructor({ source, warn = () => undefined }: ServiceClockOptions) {
    this.source = source;
    this.warn = warn;
    const instant = { wall: source.wall(), running: source.running(true) };
    this.anchor = instant;
    this.goodWall = instant.wall;
    this.goodRunning = instant.running;
  }

  /**
   * Called when an index was opened: time is not before its newest commit.
   *
   * @param mark the time of that commit; 0 if none exists.
   * @param confirmed the statement of an operator, as the store keeps it.
   * @returns true if this begins a {@link LongGap}.
   */
  begin(mark: number, confirmed?: Confirmation): boolean {
    const isFirst = !this.hasBegun;
    this.hasBegun = true;
    this.confirmed = confirmed;
    const wall = this.source.wall();
    const running = this.source.running(true);
    if (isFirst) this.believe({ wall, running });
    const isBehind = this.follow(wall) < mark - clockLimits.departureMsMax;
    // A suspicion stays, and time continues from the later of the two.
    if (isBehind || (this.doubt !== undefined && mark > this.last))
      this.suspect('behindMark', { time: Math.max(mark, this.last), running });
    this.last = Math.max(this.last, mark);
    const isGap = isFirst && mark > 0 && wall - mark > clockLimits.gapMsMax;
    if (isGap) this.longGap = { from: mark, to: wall, since: running };
    return isGap;
  }

  /** Returns the service's time in milliseconds since the Unix epoch, as a whole number; it never decreases. */
  readonly now = (): number => {
    const wall = this.source.wall();
    const running = this.observe(wall, this.source.running(false));
    const { doubt } = this;
    const time = doubt === undefined ? this.follow(wall) : doubt.base.time + (running - doubt.base.running);
    this.last = Math.max(this.last, Math.floor(time));
    return this.last;
  };

  /** Looks at the clock, so that a change of it is noticed in time. */
  check(): void {
    this.source.running(true);
    this.now();
  }

  /** Looks from time to time, until the returned function is called. */
  watch(after: After): () => void {
    let cancel = () => undefined as unknown;
    const next = () => {
      cancel = after(clockLimits.checkEveryMs, () => {
        this.check();
        next();
      });
    };
    next();
    return () => void cancel();
  }

  /** The present suspicion. Undefined: the wall clock is believed. */
  get suspicion(): Suspicion | undefined {
    const time = this.now();
    const { doubt } = this;
    if (doubt === undefined) return undefined;
    const { cause, startTime, agreedSince } = doubt;
    const running = this.source.running(false);
    return {
      id: `${startTime}-${doubt.changes}`,
      cause,
      startTime,
      wall: this.source.wall(),
      time,
      agreedMs: agreedSince === undefined ? 0 : running - agreedSince,
    };
  }

  get gap(): LongGap | undefined {
    if (this.longGap === undefined) return undefined;
    const { from, to, since } = this.longGap;
    const leftMs = since + clockLimits.gapUptimeMs - this.source.running(false);
    if (leftMs <= 0) this.longGap = undefined;
    return this.longGap && { id: String(to), from, to, leftMs };
  }

  /** Ends all waiting because of a gap. */
  endGap(): void {
    this.longGap = undefined;
  }

  /**
   * Returns the confirmation to keep if an operator says now that the wall clock is right; undefined if it is not
   * behind.
   */
  confirmation(): Confirmation | undefined {
    const [time, wall] = [this.now(), this.source.wall()];
    return wall < time ? { wall, time } : undefined;
  }

  /** Called when an operator has said that the wall clock is right. @param confirmation as it was at that instant. */
  confirm(confirmation: Confirmation | undefined): void {
    this.now();
    this.confirmed = confirmation;
    if (this.doubt !== undefined) this.warn('the wall clock is trusted again: an operator has confirmed it');
    this.believe({ wall: this.source.wall(), running: this.source.running(true) });
  }

  /** Returns the service's time if the wall clock is right. */
  private follow(wall: number): number {
    if (this.confirmed === undefined) return wall;
    const elapsed = wall - this.confirmed.wall;
    return Math.max(wall, this.confirmed.time + (elapsed > 0 ? elapsed / 2 : elapsed));
  }

  private believe(instant: Instant): void {
    this.doubt = undefined;
    this.anchor = instant;
    this.note(instant.wall, instant.running);
  }

  private note(wall: number, running: number): void {
    this.goodWall = wall;
    this.goodRunning = running;
  }

  /** @returns the running time; it is read exactly if the first look was not enough. */
  private observe(wall: number, roughly: number): number {
    if (this.doubt !== undefined) {
      this.reconsider(this.doubt, wall, roughly);
      return roughly;
    }
    if (Math.abs(this.departure(wall, roughly)) <= clockLimits.departureMsMax) {
      this.accept(wall, roughly);
      return roughly;
    }
    const running = this.source.running(true);
    const departure = this.departure(wall, running);
    if (Math.abs(departure) <= clockLimits.departureMsMax) this.accept(wall, running);
    else if (departure > 0 && !this.source.countsSleep) this.wakeUp({ wall, running });
    else this.suspect('departed', { time: this.follow(this.goodWall), running: this.goodRunning });
    return running;
  }

  /** Returns the time by which the wall clock has gone beyond the running time, in milliseconds. */
  private departure(wall: number, running: number): number {
    return wall - this.anchor.wall - (running - this.anchor.running);
  }

  private accept(wall: number, running: number): void {
    this.note(wall, running);
    if (running - this.anchor.running >= clockLimits.anchorMs)
      this.anchor = { wall, running: this.source.running(true) };
  }

  /** Acts as if the store had been opened again after a time without use. */
  private wakeUp(instant: Instant): void {
    if (instant.wall - this.goodWall > clockLimits.gapMsMax)
      this.longGap = { from: this.goodWall, to: instant.wall, since: instant.running };
    this.believe(instant);
  }

  private suspect(cause: Suspicion['cause'], base: Doubt['base']): void {
    const wall = this.source.wall();
    const time = base.time + (this.source.running(false) - base.running);
    const startTime = Math.floor(Math.max(this.last, time));
    this.doubt = {
      cause,
      startTime,
      base,
      aheadMs: wall - startTime,
      changes: 0,
      agreedSince: undefined,
    };
    this.warn(
      `the wall clock is not trusted: it shows ${inWords(wall)}, and the service uses ` +
        `${inWords(startTime)}; work that cannot be undone is paused`,
    );
  }

  private reconsider(doubt: Doubt, wall: number, running: number): void {
    const time = Math.max(this.last, doubt.base.time + (running - doubt.base.running));
    const aheadMs = wall - time;
    if (Math.abs(aheadMs - doubt.aheadMs) > clockLimits.departureMsMax) {
      doubt.aheadMs = aheadMs;
      doubt.changes++;
      doubt.agreedSince = undefined;
    }
    const differenceMs = this.follow(wall) - time;
    // The only thing against a clock that was behind is that it was behind. If it is ahead now, that is downtime, as at
    // a start.
    const mayBeAhead = doubt.cause === 'behindMark';
    if (Math.abs(mayBeAhead ? Math.min(0, differenceMs) : differenceMs) > clockLimits.departureMsMax) {
      doubt.agreedSince = undefined;
      return;
    }
    doubt.agreedSince ??= running;
    if (running - doubt.agreedSince < clockLimits.agreementMs) return;
    this.warn('the wall clock is trusted again: it has agreed with the time of the service for five minutes');
    if (differenceMs > clockLimits.gapMsMax)
      this.longGap = { from: Math.floor(time), to: wall, since: running };
    this.believe({ wall, running });
  }
}

function inWords(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}
