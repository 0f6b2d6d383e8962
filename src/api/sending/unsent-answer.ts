/** One answer, for the count of unsent bytes. */
import { type ConnectError, createContextKey } from '@connectrpc/connect';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Payer } from '../../domain/principal.ts';
import { addressPayer } from '../../identity/authentication.ts';
import { toConnectError } from '../errors.ts';

/** The ways in which a listener can end an answer whose room others need. */
export interface AnswerEnds {
  /** Ends it, whatever part of it is unsent. */
  readonly end: (error: ConnectError) => void;
  /** Records the payer of the caller that asked for it. */
  readonly charged: (payer: Payer) => void;
  /** Whether its connection has lost its peer, if the system knows. */
  readonly hasLostPeer: () => boolean;
  /** Closes its connection, which has kept the bytes that were passed to it. */
  readonly disconnect: () => void;
}

/** The answers of one group of payers, and the bytes that they keep together. */
export interface GroupAnswers {
  bytes: number;
  waitingBytes: number;
  /** The payers that have answers. */
  readonly payers: Set<PayerAnswers>;
}

/** The answers of one payer, and the bytes that they keep together. */
export interface PayerAnswers {
  readonly of: Payer;
  readonly group: GroupAnswers;
  bytes: number;
  /** The number of answers that are not settled. */
  answers: number;
  /** The answers that wait for room, in order of arrival. */
  readonly waiting: Waiting[];
  /** The number of bytes that these keep. */
  waitingBytes: number;
}

/** An answer that waits for room. */
export interface Waiting {
  readonly answer: UnsentAnswer;
  readonly bytes: number;
  /** The number of bytes that its call keeps. */
  readonly keptBytes: number;
  readonly sinceMs: number;
  readonly go: () => void;
  readonly refuse: (failure: Failure) => void;
}

/** How long a connection may keep the bytes that were passed to it after the answer was ended, in milliseconds. */
const keptMs = 1_000;

/** The part of {@link UnsentBytes} that an answer needs. */
interface Ledger {
  /** Returns milliseconds from any origin. */
  elapsed(): number;
  /** Returns the answers of the payer, with one more. */
  payer(payer: Payer): PayerAnswers;
  /** Records that one answer of the payer has settled. */
  letGo(payer: PayerAnswers): void;
  /** Records that the bytes which the answer keeps have changed by this number. */
  charge(answer: UnsentAnswer, bytes: number): void;
  /** Resolves when this number of bytes is reserved for it; undefined: it is now. @throws Failure OVERLOADED */
  admit(answer: UnsentAnswer, bytes: number, signal: AbortSignal): Promise<void> | undefined;
  /** Records that the answer no longer waits. */
  withdraw(answer: UnsentAnswer): void;
}

/** One answer, from its making until the last of it is sent. Where no transport counts answers, it does not exist. */
export class UnsentAnswer {
  /** The payer of the caller that asked for it, with all its answers; at first, an unknown caller at its address. */
  payer: PayerAnswers;
  private readonly ledger: Ledger;
  /** The number of copies of its bytes in memory while they are sent. */
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

  constructor(ledger: Ledger, address: string | undefined, copies: number, ends: AnswerEnds) {
    this.ledger = ledger;
    this.copies = copies;
    this.ends = ends;
    this.payer = ledger.payer(addressPayer(address));
    this.pace = new Pace(ledger.elapsed());
  }

  get bytes(): number {
    return this.reserved + this.unsent;
  }

  /** The number of bytes that are kept of the part of its request that has arrived. */
  get requestBytes(): number {
    return this.asked;
  }

  /** The number of bytes received of its request: fewer than are kept if the request was compressed. */
  get receivedBytes(): number {
    return this.received;
  }

  get isEnded(): boolean {
    return this.endedMs !== undefined;
  }

  /** Whether it waits for its reader to take bytes. */
  get isBeingTaken(): boolean {
    return this.sliceBytes > 0;
  }

  /** Returns the rate at which it was taken lately, in bytes a second. */
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

  /** Records that this number of bytes of its request has arrived. */
  ask(bytes: number): void {
    this.asked += bytes;
    this.received += bytes;
  }

  /** Counts this number of bytes that are kept of it in addition to those that have arrived. */
  keep(bytes: number): void {
    this.asked += bytes;
  }

  /** Charges it to the payer of the caller that asked for it. */
  chargeTo(payer: Payer): void {
    if (this.isSettled) return;
    this.ends.charged(payer);
    const before = this.payer;
    this.payer = this.ledger.payer(payer);
    before.bytes -= this.bytes;
    before.group.bytes -= this.bytes;
    this.payer.bytes += this.bytes;
    this.payer.group.bytes += this.bytes;
    this.ledger.letGo(before);
  }

  /**
   * Resolves when this number of bytes may be made for it. With 0, it resolves when any room exists: the bytes made
   * then are few, and count when they are passed on. Undefined: room exists now.
   *
   * @throws Failure OVERLOADED, CANCELLED if it is closed, and the signal's reason.
   */
  room(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    if (this.isClosed) return Promise.reject(nobodyLeft());
    const more = bytes * this.copies - this.reserved;
    return more > 0 || bytes === 0 ? this.ledger.admit(this, Math.max(0, more), signal) : undefined;
  }

  /** For {@link UnsentBytes}. */
  reserve(bytes: number): void {
    if (bytes === 0 || this.isClosed) return;
    this.reserved += bytes;
    this.ledger.charge(this, bytes);
  }

  /** Records that the bytes made for it are passed on, or that no more will be made. */
  hand(bytes: number): void {
    if (this.isSettled) return;
    const copied = bytes * this.copies;
    const more = copied - this.reserved;
    this.reserved = 0;
    this.unsent += copied;
    if (more !== 0) this.ledger.charge(this, more);
  }

  /** Records that a part of the bytes that were passed on is being written. */
  sliceBegins(bytes: number): void {
    this.sliceBytes = bytes;
    this.sliceMs = this.ledger.elapsed();
  }

  /** Records that the write has called back. */
  sliceEnds(): void {
    this.pace.note(this.ledger.elapsed(), this.sliceBytes);
    this.sliceBytes = 0;
  }

  /** Records that this number of the bytes that were passed on is gone. */
  give(bytes: number): void {
    if (this.isSettled || bytes === 0) return;
    const copied = bytes * this.copies;
    this.unsent -= copied;
    this.ledger.charge(this, -copied);
    if (this.isClosed && this.unsent === 0) this.settle();
  }

  /** For {@link UnsentBytes}. */
  end(now: number, failure: Failure): void {
    this.endedMs = now;
    this.ends.end(toConnectError(failure));
  }

  /** For {@link UnsentBytes}: closes the connection of an answer that was ended and still keeps its bytes. */
  disconnectIfKept(now: number): void {
    if (this.endedMs !== undefined && now - this.endedMs >= keptMs) this.disconnect();
  }

  /** For {@link UnsentBytes}: closes the connection of an answer that no client can take any more. */
  disconnectIfLost(): void {
    if (this.bytes > 0 && !this.isDisconnected && this.ends.hasLostPeer()) this.disconnect();
  }

  private disconnect(): void {
    if (this.isDisconnected) return;
    this.isDisconnected = true;
    this.ends.disconnect();
  }

  /**
   * Records that its stream is closed. Bytes that are being written count until the write has called back; all others
   * are released.
   */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.ledger.withdraw(this);
    this.hand(0);
    if (!this.isBeingTaken) this.drop();
  }

  /** Records that its connection is gone, and everything with it. */
  drop(): void {
    if (this.isSettled) return;
    const { bytes } = this;
    this.reserved = 0;
    this.unsent = 0;
    this.sliceBytes = 0;
    if (bytes > 0) this.ledger.charge(this, -bytes);
    this.isClosed = true;
    this.ledger.withdraw(this);
    this.settle();
  }

  /** Runs `run` when it keeps no bytes and never will again. */
  whenSettled(run: () => void): void {
    if (this.isSettled) run();
    else this.onSettled.push(run);
  }

  private settle(): void {
    this.isSettled = true;
    this.ledger.letGo(this.payer);
    for (const run of this.onSettled) run();
  }
}

/** Yields the parts in which bytes are passed to a connection, one after another. */
export function* slicesOf(bytes: Uint8Array): Generator<Uint8Array, undefined> {
  const { sendSliceBytesMax } = limits;
  if (bytes.length <= sendSliceBytesMax) yield bytes;
  else
    for (let at = 0; at < bytes.length; at += sendSliceBytesMax)
      yield bytes.subarray(at, at + sendSliceBytesMax);
}

/** The rate at which an answer was taken lately: over 5 to 10 seconds. */
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

/**
 * The key under which a server gives the handlers of a call the counter of its answer. Calls within the process have
 * none.
 */
export const answerKey = createContextKey<UnsentAnswer | undefined>(undefined, {
  description: 'the counter of the answer of a call',
});

/** Returns the failure for a handler whose caller has gone. */
export function nobodyLeft(): Failure {
  return new Failure('CANCELLED', 'the call was cancelled');
}

/** Returns the failure that asks the caller to retry after a second. */
export function overloaded(why: string): Failure {
  return new Failure('OVERLOADED', why, { retryAfterMs: 1_000 });
}

/** Returns the failure for the caller of an answer that was ended to make room for others. */
export function endedForOthers(): Failure {
  return overloaded('this answer was ended to free memory for other callers; try again in a moment');
}
