/**
 * One limit for the bytes that wait to be sent, of all answers on all transports. Without it, callers that ask and do
 * not read fill the memory. Room is reserved before an answer is made. Bytes that were passed to a connection count
 * until their write has called back. While a call waits for room, slow answers are ended. A call that waits too long
 * fails with advice to retry. The reasons are in `docs/decisions/0026-unsent-bytes.md`.
 */
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { type Holder, nameOfHolder } from '../../domain/principal.ts';
import { type After, unlessAborted } from '../timer.ts';
import {
  type AnswerEnds,
  endedForOthers,
  type Held,
  type HeldByGroup,
  nobodyLeft,
  overloaded,
  UnsentAnswer,
  type Waiting,
} from './unsent-answer.ts';

interface SendBudgetOptions {
  readonly after: After;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
  /** The default of each is in {@link limits}. */
  readonly unsentBytesMax?: number;
  readonly holderUnsentBytesMax?: number;
  readonly stalledSecondsMax?: number;
  /** The time between searches for answers that no client takes. Default 5,000. */
  readonly sweepMs?: number;
}

/**
 * While a call waits: the time between searches for answers to end. An answer that is not slow keeps its room at least
 * this long.
 */
const lookMs = 1_000;

/**
 * The one budget of a service: the bytes that all its answers hold, and the calls that wait for room. Times are in
 * milliseconds.
 */
export class SendBudget {
  private readonly options: Required<SendBudgetOptions>;
  private readonly holders = new Map<string, Held>();
  private readonly groups = new Map<string, HeldByGroup>();
  private readonly waiting = new Set<Held>();
  /** The answers that hold something. */
  private readonly answers = new Set<UnsentAnswer>();
  private bytes = 0;
  /** The number of bytes that waiting calls keep. */
  private waitingBytes = 0;
  private bytesPeak = 0;
  private ended = 0;
  private refused = 0;
  private opened = 0;
  private isLooking = false;
  private isSweeping = false;

  constructor(options: SendBudgetOptions) {
    this.options = {
      unsentBytesMax: limits.unsentBytesMax,
      holderUnsentBytesMax: limits.holderUnsentBytesMax,
      stalledSecondsMax: limits.stalledReaderSecondsMax,
      sweepMs: 5_000,
      ...options,
    };
  }

  /** The number of bytes that are unsent, or admitted to be made. */
  get unsentBytes(): number {
    return this.bytes;
  }

  /** The highest value of {@link unsentBytes} so far. */
  get unsentBytesPeak(): number {
    return this.bytesPeak;
  }

  /** The number of answers that hold something. */
  get answerCount(): number {
    return this.answers.size;
  }

  /** The number of answers that wait for room. */
  get waitingCount(): number {
    let count = 0;
    for (const { waiting } of this.waiting) count += waiting.length;
    return count;
  }

  /** The number of answers that are not settled: their calls have begun and are not answered in full. */
  get openCount(): number {
    return this.opened;
  }

  /** The number of answers so far that found no room. */
  get refusedCount(): number {
    return this.refused;
  }

  /** The number of answers ended so far to make room for others. */
  get endedCount(): number {
    return this.ended;
  }

  /**
   * Returns an answer that holds nothing yet.
   *
   * @param address the address of the caller, or undefined for this machine.
   * @param copies the number of copies of its bytes in memory while they are sent.
   */
  open(address: string | undefined, copies: number, ends: AnswerEnds): UnsentAnswer {
    const answer = new UnsentAnswer(this, address, copies, ends);
    this.opened++;
    answer.whenSettled(() => this.opened--);
    return answer;
  }

  /** For {@link UnsentAnswer}. */
  elapsed(): number {
    return this.options.elapsed();
  }

  /** For {@link UnsentAnswer}. */
  holder(of: Holder): Held {
    const name = nameOfHolder(of);
    const holder = this.holders.get(name) ?? this.meet(name, of);
    holder.answers++;
    return holder;
  }

  private meet(name: string, of: Holder): Held {
    const group = this.groups.get(of.group) ?? { bytes: 0, waitingBytes: 0, holders: new Set<Held>() };
    const holder: Held = { of, group, bytes: 0, answers: 0, waiting: [], waitingBytes: 0 };
    group.holders.add(holder);
    this.groups.set(of.group, group);
    this.holders.set(name, holder);
    return holder;
  }

  /** For {@link UnsentAnswer}. */
  letGo(holder: Held): void {
    holder.answers--;
    if (holder.answers > 0) return;
    const { of, group } = holder;
    this.holders.delete(nameOfHolder(of));
    group.holders.delete(holder);
    if (group.holders.size === 0) this.groups.delete(of.group);
  }

  /** For {@link UnsentAnswer}: the bytes that it holds have changed by this number. */
  charge(answer: UnsentAnswer, bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.bytesPeak) this.bytesPeak = this.bytes;
    answer.holder.bytes += bytes;
    answer.holder.group.bytes += bytes;
    if (answer.bytes > 0) this.answers.add(answer);
    else this.answers.delete(answer);
    if (!this.isSweeping) this.sweep();
    if (bytes < 0 && this.waiting.size > 0) this.goOn();
  }

  /** For {@link UnsentAnswer}: resolves when this number of bytes is reserved for it. @throws Failure OVERLOADED */
  async admit(answer: UnsentAnswer, bytes: number, signal: AbortSignal): Promise<void> {
    const { holder } = answer;
    if ((this.waiting.size === 0 || bytes === 0) && this.fits(holder, bytes)) return answer.reserve(bytes);
    const keptBytes = limits.waitingCallBytes + answer.requestBytes;
    this.makePlace(holder, keptBytes);
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = {
      answer,
      bytes,
      keptBytes,
      sinceMs: this.elapsed(),
      go: turn.resolve,
      refuse: turn.reject,
    };
    // An answer that takes no room waits until any exists, but not behind other answers.
    if (bytes === 0) holder.waiting.unshift(waiting);
    else holder.waiting.push(waiting);
    holder.waitingBytes += keptBytes;
    holder.group.waitingBytes += keptBytes;
    this.waitingBytes += keptBytes;
    this.waiting.add(holder);
    const cancel = this.options.after(limits.sendAdmissionSecondsMax * 1000, () =>
      this.refuse(waiting, 'the answers to other callers are still being sent'),
    );
    try {
      this.goOn();
      if (!this.isLooking) this.look();
      await unlessAborted(signal, turn.promise);
    } finally {
      cancel();
      this.forget(waiting);
    }
  }

  /** For {@link UnsentAnswer}. */
  withdraw(answer: UnsentAnswer): void {
    const waiting = answer.holder.waiting.find((one) => one.answer === answer);
    if (waiting === undefined) return;
    this.forget(waiting);
    waiting.refuse(nobodyLeft());
  }

  /**
   * Makes a place for one more waiting call. Of the holders that keep most, the last call to arrive gives up its place.
   * @throws Failure OVERLOADED
   */
  private makePlace(holder: Held, keptBytes: number): void {
    const { holderWaitingMax, holderWaitingBytesMax, waitingBytesMax } = limits;
    const why = 'too many answers are waiting for memory';
    const kept = holder.waitingBytes + keptBytes;
    if (holder.waiting.length >= holderWaitingMax || kept > holderWaitingBytesMax) {
      this.refused++;
      throw overloaded(why);
    }
    while (this.waitingBytes + keptBytes > waitingBytesMax) {
      const most = this.keepingMost(holder);
      if (most === undefined || most.waitingBytes <= kept) {
        this.refused++;
        throw overloaded(why);
      }
      this.refuse(most.waiting.at(-1)!, why);
    }
  }

  /**
   * Returns the holder whose waiting calls keep most, in the group whose calls keep most. @param asking wins unless
   * another keeps more.
   */
  private keepingMost(asking: Held): Held | undefined {
    let group = asking.group;
    for (const other of this.groups.values()) if (other.waitingBytes > group.waitingBytes) group = other;
    let most: Held | undefined;
    for (const holder of group.holders)
      if (holder.waiting.length > 0 && (most === undefined || holder.waitingBytes > most.waitingBytes))
        most = holder;
    return most;
  }

  private refuse(waiting: Waiting, why: string): void {
    this.refused++;
    this.forget(waiting);
    waiting.refuse(overloaded(why));
  }

  /**
   * Admits waiting calls: first those of the group that holds least, and in it those of the holder that holds least.
   */
  private goOn(): void {
    for (;;) {
      let least: Held | undefined;
      for (const holder of this.waiting)
        if (!this.hasItsPart(holder) && (least === undefined || holdsLess(holder, least))) least = holder;
      const first = least?.waiting[0];
      if (least === undefined || first === undefined || !this.fits(least, first.bytes)) return;
      this.forget(first);
      first.answer.reserve(first.bytes);
      first.go();
    }
  }

  /** Returns true if room exists, but not for a holder that holds this much. */
  private hasItsPart(holder: Held): boolean {
    const { bytes } = holder.waiting[0]!;
    return this.bytes + bytes <= this.options.unsentBytesMax && !this.fits(holder, bytes);
  }

  private forget(waiting: Waiting): void {
    const { holder } = waiting.answer;
    const at = holder.waiting.indexOf(waiting);
    if (at < 0) return;
    holder.waiting.splice(at, 1);
    holder.waitingBytes -= waiting.keptBytes;
    holder.group.waitingBytes -= waiting.keptBytes;
    this.waitingBytes -= waiting.keptBytes;
    if (holder.waiting.length === 0) this.waiting.delete(holder);
  }

  /** Returns true if the bytes fit. An answer larger than the whole limit may go alone. */
  private fits(holder: Held, bytes: number): boolean {
    const { unsentBytesMax, holderUnsentBytesMax } = this.options;
    const left = holder.bytes + bytes > holderUnsentBytesMax ? holderUnsentBytesMax : 0;
    return this.bytes === 0 || this.bytes + bytes <= unsentBytesMax - left;
  }

  /** Ends answers that are in the way, at intervals while a call waits. */
  private look(): void {
    this.isLooking = this.waiting.size > 0;
    if (!this.isLooking) return;
    const now = this.elapsed();
    for (const answer of [...this.answers]) answer.disconnectIfKept(now);
    this.makeRoom(now);
    this.options.after(lookMs, () => this.look());
  }

  /**
   * Ends answers that no client takes, also while no call waits: some connections never report that their peer is gone.
   */
  private sweep(): void {
    this.isSweeping = this.answers.size > 0;
    if (!this.isSweeping) return;
    const { stalledSecondsMax, sweepMs, after } = this.options;
    const now = this.elapsed();
    for (const answer of [...this.answers]) {
      answer.disconnectIfKept(now);
      answer.disconnectIfLost();
      if (answer.isEnded || !answer.isStalled(now, stalledSecondsMax * 1000)) continue;
      this.ended++;
      answer.end(now, new Failure('DEADLINE_EXCEEDED', `the caller read nothing for ${stalledSecondsMax} s`));
    }
    after(sweepMs, () => this.sweep());
  }

  private makeRoom(now: number): void {
    const taken: UnsentAnswer[] = [];
    let missing = 0;
    for (const { waiting } of this.waiting) for (const { bytes } of waiting) missing += Math.max(1, bytes);
    for (const answer of this.answers) {
      // Its room will be free soon.
      if (answer.isEnded) missing -= answer.bytes;
      else if (answer.isBeingTaken) taken.push(answer);
    }
    taken.sort((a, b) => a.rate(now) - b.rate(now));
    for (const answer of taken) {
      if (missing <= 0) return;
      if (!answer.isSlow(now)) continue;
      missing -= answer.bytes;
      this.end(answer, now);
    }
    this.share(taken, now);
  }

  /** Ends answers that are not slow, of holders with more than their share, in favour of waiting holders with less. */
  private share(taken: readonly UnsentAnswer[], now: number): void {
    const shares = this.shares();
    let missing = 0;
    for (const holder of this.waiting) {
      const [first] = holder.waiting;
      if (first === undefined || now - first.sinceMs < lookMs) continue;
      if (holder.bytes + first.bytes <= shares.get(holder)!) missing += Math.max(1, first.bytes);
    }
    const left = new Map<Held, number>();
    for (const answer of taken) {
      if (missing <= 0) return;
      const held = left.get(answer.holder) ?? answer.holder.bytes;
      if (answer.isEnded || held <= shares.get(answer.holder)!) continue;
      left.set(answer.holder, held - answer.bytes);
      missing -= answer.bytes;
      this.end(answer, now);
    }
  }

  /**
   * Returns an equal part for each group that holds something or waits, and an equal part of that for each of its
   * holders.
   */
  private shares(): Map<Held, number> {
    const { unsentBytesMax, holderUnsentBytesMax } = this.options;
    const asking = [...this.groups.values()]
      .map(({ holders }) => [...holders].filter(({ bytes, waiting }) => bytes > 0 || waiting.length > 0))
      .filter(({ length }) => length > 0);
    const shares = new Map<Held, number>();
    for (const holders of asking) {
      const share = Math.min(holderUnsentBytesMax, unsentBytesMax / asking.length / holders.length);
      for (const holder of holders) shares.set(holder, share);
    }
    return shares;
  }

  private end(answer: UnsentAnswer, now: number): void {
    this.ended++;
    answer.end(now, endedForOthers());
  }
}

function holdsLess(one: Held, other: Held): boolean {
  return one.group.bytes < other.group.bytes || (one.group === other.group && one.bytes < other.bytes);
}
