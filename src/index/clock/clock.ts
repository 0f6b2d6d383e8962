/**
 * The time that the store goes by. It follows the wall clock as long as that can be believed: it is held against the
 * time of the newest commit at the start, and against the system's running time from then on. What it says never
 * decreases. See docs/decisions/0020-clock.md.
 */
import type { After } from '../../domain/timer.ts';

/** What time is made from. */
export interface TimeSource {
  /** Milliseconds since the Unix epoch, as the system's clock says: it may be set. */
  wall(): number;
  /**
   * Milliseconds since some instant before the process began. Nothing sets it.
   *
   * @param exactly false: the time in which the system slept may be missing since it was last asked for exactly.
   */
  running(exactly: boolean): number;
  /** Whether `running` counts while the system sleeps. Where it does not, a sleep cannot be told from a wall clock that was set forward. */
  readonly countsSleep: boolean;
}

/** Why the wall clock is not believed. */
export interface Suspicion {
  /** Another one when the wall clock was set again meanwhile. */
  readonly id: string;
  /** Since when, in the service's time; milliseconds since the Unix epoch. */
  readonly startTime: number;
  /** `behindMark`: at the start it was before the newest commit. `departed`: it ran otherwise than the system did. */
  readonly cause: 'behindMark' | 'departed';
  /** What the wall clock says, and what the service goes by instead; milliseconds since the Unix epoch. */
  readonly wall: number;
  readonly time: number;
  /** For how long the two have agreed, in milliseconds; after `behindMark`, for how long the wall clock has not been behind. */
  readonly agreedMs: number;
}

/** The store was not in use for long, or the clock says so. */
export interface LongGap {
  readonly id: string;
  /** Milliseconds since the Unix epoch: the newest commit before, and when the store was opened again. */
  readonly from: number;
  readonly to: number;
  /** When it ends by itself, in milliseconds from now. */
  readonly leftMs: number;
}

/**
 * An operator has said that the wall clock was right while the service's time was ahead of it. From then on the
 * service's time goes at half speed until both are the same.
 */
export interface Confirmation {
  /** Both at that instant, in milliseconds since the Unix epoch. */
  readonly wall: number;
  readonly time: number;
}

/** What the clock believes. */
export const clockLimits = {
  /** The wall clock may be off by this much, in milliseconds. */
  departureMsMax: 5 * 60_000,
  /** For so long it must have agreed to be believed again. */
  agreementMs: 5 * 60_000,
  /** A gap longer than this may be a clock that is wrong. */
  gapMsMax: 7 * 86_400_000,
  /** So long must the service be up after such a gap. */
  gapUptimeMs: 5 * 60_000,
  /** What was believed for so long is what further steps are measured against. */
  anchorMs: 3_600_000,
  /** How often somebody looks if nothing else does. */
  checkEveryMs: 5_000,
} as const;

interface ServiceClockOptions {
  readonly source: TimeSource;
  /** Told when the clock becomes suspect and when it is believed again. Default: nobody is. */
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
  /** The service's time at an instant of the running time. It goes on from there. */
  readonly base: { readonly time: number; readonly running: number };
  /** How far the wall clock is ahead, when the id was last made. */
  aheadMs: number;
  /** How often that has changed. */
  changes: number;
  /** Of the running time, since when both agree. */
  agreedSince: number | undefined;
}

/** The time of one store, in milliseconds since the Unix epoch, and whether it may be wrong. */
export class ServiceClock {
  private readonly source: TimeSource;
  private readonly warn: (message: string) => void;
  private last = 0;
  /** What steps of the wall clock are measured against. */
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
   * An index was opened: time is not before its newest commit.
   *
   * @param mark the time of that commit; 0 if there is none.
   * @param confirmed what an operator has said, as the store keeps it.
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
    // What was suspect stays so, and goes on from the later of the two.
    if (isBehind || (this.doubt !== undefined && mark > this.last))
      this.suspect('behindMark', { time: Math.max(mark, this.last), running });
    this.last = Math.max(this.last, mark);
    const isGap = isFirst && mark > 0 && wall - mark > clockLimits.gapMsMax;
    if (isGap) this.longGap = { from: mark, to: wall, since: running };
    return isGap;
  }

  /** The service's time in milliseconds since the Unix epoch, whole; never less than it was. */
  readonly now = (): number => {
    const wall = this.source.wall();
    const running = this.observe(wall, this.source.running(false));
    const { doubt } = this;
    const time = doubt === undefined ? this.follow(wall) : doubt.base.time + (running - doubt.base.running);
    this.last = Math.max(this.last, Math.floor(time));
    return this.last;
  };

  /** Looks at the clock, so that it is noticed in time when it is set. */
  check(): void {
    this.source.running(true);
    this.now();
  }

  /** Looks from time to time, until what is returned is called. */
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

  /** As of now. Undefined: the wall clock is believed. */
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

  /** Nobody need wait any more because of a gap. */
  endGap(): void {
    this.longGap = undefined;
  }

  /** What is to be kept if an operator says now that the wall clock is right; undefined if it is not behind. */
  confirmation(): Confirmation | undefined {
    const [time, wall] = [this.now(), this.source.wall()];
    return wall < time ? { wall, time } : undefined;
  }

  /** An operator has said that the wall clock is right. @param confirmation as it was at that instant. */
  confirm(confirmation: Confirmation | undefined): void {
    this.now();
    this.confirmed = confirmation;
    if (this.doubt !== undefined) this.warn('the wall clock is believed again: an operator has confirmed it');
    this.believe({ wall: this.source.wall(), running: this.source.running(true) });
  }

  /** The service's time if the wall clock is right. */
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

  /** @returns the running time, which was asked for exactly if the first look did not do. */
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

  /** How far the wall clock has gone beyond the running time, in milliseconds. */
  private departure(wall: number, running: number): number {
    return wall - this.anchor.wall - (running - this.anchor.running);
  }

  private accept(wall: number, running: number): void {
    this.note(wall, running);
    if (running - this.anchor.running >= clockLimits.anchorMs)
      this.anchor = { wall, running: this.source.running(true) };
  }

  /** As if the store had been opened again after a time in which nobody used it. */
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
      `the wall clock is suspect: it says ${inWords(wall)}, and the service goes by ${inWords(startTime)}; what cannot be undone waits`,
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
    // All that spoke against a clock that was behind is that it was. Ahead is downtime, as at a start.
    const mayBeAhead = doubt.cause === 'behindMark';
    if (Math.abs(mayBeAhead ? Math.min(0, differenceMs) : differenceMs) > clockLimits.departureMsMax) {
      doubt.agreedSince = undefined;
      return;
    }
    doubt.agreedSince ??= running;
    if (running - doubt.agreedSince < clockLimits.agreementMs) return;
    this.warn('the wall clock is believed again: it has agreed for five minutes');
    if (differenceMs > clockLimits.gapMsMax)
      this.longGap = { from: Math.floor(time), to: wall, since: running };
    this.believe({ wall, running });
  }
}

function inWords(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}
