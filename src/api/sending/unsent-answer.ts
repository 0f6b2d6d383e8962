/** One answer, as the budget of unsent bytes knows it. */
import { type ConnectError, createContextKey } from '@connectrpc/connect';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Holder } from '../../domain/principal.ts';
import { addressHolder } from '../../identity/authentication.ts';
import { toConnectError } from '../errors.ts';

/** What a door can do about an answer whose room others need. */
export interface AnswerEnds {
  /** Ends it, whatever of it is unsent. */
  readonly end: (error: ConnectError) => void;
  /** Says by whom it was asked for. */
  readonly held: (holder: Holder) => void;
  /** Whether nobody is at the other end of its connection, as far as the system knows. */
  readonly hasLostPeer: () => boolean;
  /** Closes its connection, which has kept what was handed to it. */
  readonly disconnect: () => void;
}

/** What the answers of one group of holders hold together. */
export interface HeldByGroup {
  bytes: number;
  waitingBytes: number;
  /** Those that have answers. */
  readonly holders: Set<Held>;
}

/** What the answers of one holder hold together. */
export interface Held {
  readonly of: Holder;
  readonly group: HeldByGroup;
  bytes: number;
  /** That are not settled. */
  answers: number;
  /** For room, first come first. */
  readonly waiting: Waiting[];
  /** What these keep. */
  waitingBytes: number;
}

/** An answer that waits for room. */
export interface Waiting {
  readonly answer: UnsentAnswer;
  readonly bytes: number;
  /** What its call keeps. */
  readonly keptBytes: number;
  readonly sinceMs: number;
  readonly go: () => void;
  readonly refuse: (failure: Failure) => void;
}

/** How long a connection may keep what was handed to it after the answer was ended, in milliseconds. */
const keptMs = 1_000;

/** What an answer needs of the budget, which is a {@link SendBudget}. */
interface Budget {
  /** Milliseconds, from any origin. */
  elapsed(): number;
  /** What the holder has, with an answer more. */
  holder(holder: Holder): Held;
  /** One answer of the holder has settled. */
  letGo(holder: Held): void;
  /** What the answer holds has changed by so much. */
  charge(answer: UnsentAnswer, bytes: number): void;
  /** Resolves when so much is reserved for it. @throws Failure OVERLOADED */
  admit(answer: UnsentAnswer, bytes: number, signal: AbortSignal): Promise<void>;
  /** The answer waits for nothing any more. */
  withdraw(answer: UnsentAnswer): void;
}

/** One answer, from its making until the last of it is sent. A door that knows of none makes none. */
export class UnsentAnswer {
  /** By whom it was asked for; at first, by somebody at its address. */
  holder: Held;
  private readonly budget: Budget;
  /** How often its bytes are in memory while they are sent. */
  private readonly copies: number;
  private readonly ends: AnswerEnds;
  private readonly onSettled: (() => void)[] = [];
  private reserved = 0;
  private unsent = 0;
  private asked = 0;
  private received = 0;
  private isClosed = false;
  private isSettled = false;
  private isDisconnected = false;
  private endedMs: number | undefined;
  private sliceBytes = 0;
  private sliceMs = 0;
  private readonly pace: Pace;

  constructor(budget: Budget, address: string | undefined, copies: number, ends: AnswerEnds) {
    this.budget = budget;
    this.copies = copies;
    this.ends = ends;
    this.holder = budget.holder(addressHolder(address));
    this.pace = new Pace(budget.elapsed());
  }

  get bytes(): number {
    return this.reserved + this.unsent;
  }

  /** What is kept of its request, as far as that has come. */
  get requestBytes(): number {
    return this.asked;
  }

  /** What has come of its request: less than is kept where that was compressed. */
  get receivedBytes(): number {
    return this.received;
  }

  get isEnded(): boolean {
    return this.endedMs !== undefined;
  }

  /** Whether its reader is who is waited for. */
  get isBeingTaken(): boolean {
    return this.sliceBytes > 0;
  }

  /** Bytes a second that were taken of it lately. */
  rate(now: number): number {
    return this.pace.rate(now);
  }

  isSlow(now: number): boolean {
    const allowedMs = (limits.sendRateSecondsGrace + this.sliceBytes / limits.sendRateBytesMin) * 1000;
    return this.sliceBytes > 0 && now - this.sliceMs > allowedMs;
  }

  isStalled(now: number, ms: number): boolean {
    return this.sliceBytes > 0 && now - this.sliceMs > ms;
  }

  /** So much of its request has come. */
  ask(bytes: number): void {
    this.asked += bytes;
    this.received += bytes;
  }

  /** So much more is kept of it than has come. */
  keep(bytes: number): void {
    this.asked += bytes;
  }

  /** Says by whom it was asked for. */
  hold(holder: Holder): void {
    if (this.isSettled) return;
    this.ends.held(holder);
    const before = this.holder;
    this.holder = this.budget.holder(holder);
    before.bytes -= this.bytes;
    before.group.bytes -= this.bytes;
    this.holder.bytes += this.bytes;
    this.holder.group.bytes += this.bytes;
    this.budget.letGo(before);
  }

  /**
   * Resolves when so much may be made for it. With 0, when there is any room at all: what is made then is small, and
   * counts when it is handed over.
   *
   * @throws Failure OVERLOADED, CANCELLED if it is closed, and the signal's reason.
   */
  async room(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.isClosed) throw nobodyLeft();
    const more = bytes * this.copies - this.reserved;
    if (more > 0 || bytes === 0) await this.budget.admit(this, Math.max(0, more), signal);
  }

  /** For the budget. */
  reserve(bytes: number): void {
    if (bytes === 0 || this.isClosed) return;
    this.reserved += bytes;
    this.budget.charge(this, bytes);
  }

  /** What was made for it is handed over, or nothing more will be. */
  hand(bytes: number): void {
    if (this.isSettled) return;
    const held = bytes * this.copies;
    const more = held - this.reserved;
    this.reserved = 0;
    this.unsent += held;
    if (more !== 0) this.budget.charge(this, more);
  }

  /** A part of what was handed over is being written. */
  sliceBegins(bytes: number): void {
    this.sliceBytes = bytes;
    this.sliceMs = this.budget.elapsed();
  }

  /** The write has called back. */
  sliceEnds(): void {
    this.pace.note(this.budget.elapsed(), this.sliceBytes);
    this.sliceBytes = 0;
  }

  /** So much of what was handed over is gone. */
  give(bytes: number): void {
    if (this.isSettled || bytes === 0) return;
    const held = bytes * this.copies;
    this.unsent -= held;
    this.budget.charge(this, -held);
    if (this.isClosed && this.unsent === 0) this.settle();
  }

  /** For the budget. */
  end(now: number, failure: Failure): void {
    this.endedMs = now;
    this.ends.end(toConnectError(failure));
  }

  /** For the budget: closes the connection of what was ended and holds its bytes all the same. */
  disconnectIfKept(now: number): void {
    if (this.endedMs !== undefined && now - this.endedMs >= keptMs) this.disconnect();
  }

  /** For the budget: closes the connection of what nobody can take any more. */
  disconnectIfLost(): void {
    if (this.sliceBytes > 0 && !this.isDisconnected && this.ends.hasLostPeer()) this.disconnect();
  }

  private disconnect(): void {
    if (this.isDisconnected) return;
    this.isDisconnected = true;
    this.ends.disconnect();
  }

  /** Its stream is closed. What is being written counts until the write has called back; nothing else is left of it. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.budget.withdraw(this);
    this.hand(0);
    if (!this.isBeingTaken) this.drop();
  }

  /** Its connection is gone, and everything with it. */
  drop(): void {
    if (this.isSettled) return;
    const { bytes } = this;
    this.reserved = 0;
    this.unsent = 0;
    this.sliceBytes = 0;
    if (bytes > 0) this.budget.charge(this, -bytes);
    this.isClosed = true;
    this.budget.withdraw(this);
    this.settle();
  }

  /** Runs `run` when it holds nothing and never will. */
  whenSettled(run: () => void): void {
    if (this.isSettled) run();
    else this.onSettled.push(run);
  }

  private settle(): void {
    this.isSettled = true;
    this.budget.letGo(this.holder);
    for (const run of this.onSettled) run();
  }
}

/** The parts in which bytes are handed to a connection, one after another. */
export function* slicesOf(bytes: Uint8Array): Generator<Uint8Array, undefined> {
  const { sendSliceBytesMax } = limits;
  if (bytes.length <= sendSliceBytesMax) yield bytes;
  else
    for (let at = 0; at < bytes.length; at += sendSliceBytesMax)
      yield bytes.subarray(at, at + sendSliceBytesMax);
}

/** How fast an answer was taken lately: over 5 to 10 seconds. */
class Pace {
  private sinceMs: number;
  private before = 0;
  private now = 0;

  constructor(ms: number) {
    this.sinceMs = ms;
  }

  note(ms: number, bytes: number): void {
    this.turn(ms);
    this.now += bytes;
  }

  rate(ms: number): number {
    this.turn(ms);
    return ((this.before + this.now) / (halfWindowMs + ms - this.sinceMs)) * 1000;
  }

  private turn(ms: number): void {
    const passedMs = ms - this.sinceMs;
    if (passedMs < halfWindowMs) return;
    this.before = passedMs < 2 * halfWindowMs ? this.now : 0;
    this.now = 0;
    this.sinceMs = ms;
  }
}

const halfWindowMs = 5_000;

/** Where a server tells the handlers of a call what its answer is counted by; calls within the process have none. */
export const answerKey = createContextKey<UnsentAnswer | undefined>(undefined, {
  description: 'what the answer of a call is counted by',
});

/** Says to the handler that there is nobody to make an answer for. */
export function nobodyLeft(): Failure {
  return new Failure('CANCELLED', 'the caller gave up');
}

/** Asks the caller to come back after a second. */
export function overloaded(why: string): Failure {
  return new Failure('OVERLOADED', why, { retryAfterMs: 1_000 });
}

/** What the caller of an answer is told that was ended for the room of others. */
export function endedForOthers(): Failure {
  return overloaded('others need the room of this answer');
}
