/**
 * One limit for the bytes that wait to be sent, of all answers on all doors. Without it, callers who ask and do not read
 * fill the memory. Room is reserved before an answer is made. What is handed to a connection counts until its write has
 * called back. While somebody waits for room, slow answers are ended; whoever waits too long is told to come back. Why
 * so: `docs/decisions/0026-unsent-bytes.md`.
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
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  /** Defaults: those of {@link limits}. */
  readonly unsentBytesMax?: number;
  readonly holderUnsentBytesMax?: number;
  readonly stalledSecondsMax?: number;
  /** How often those are looked for that nobody takes. Default 5,000. */
  readonly sweepMs?: number;
}

/** While somebody waits: how often answers are looked for that can be ended. An answer that is not slow has this long, too. */
const lookMs = 1_000;

/** The one budget of a service: what all its answers hold, and who waits for room. Times are milliseconds. */
export class SendBudget {
  private readonly options: Required<SendBudgetOptions>;
  private readonly holders = new Map<string, Held>();
  private readonly groups = new Map<string, HeldByGroup>();
  private readonly waiting = new Set<Held>();
  /** Those that hold something. */
  private readonly answers = new Set<UnsentAnswer>();
  private bytes = 0;
  /** What the calls keep that wait. */
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

  /** Unsent, or admitted to be made. */
  get unsentBytes(): number {
    return this.bytes;
  }

  /** The most that {@link unsentBytes} has been. */
  get unsentBytesPeak(): number {
    return this.bytesPeak;
  }

  /** Answers that hold something. */
  get answerCount(): number {
    return this.answers.size;
  }

  /** Answers that wait for room. */
  get waitingCount(): number {
    let count = 0;
    for (const { waiting } of this.waiting) count += waiting.length;
    return count;
  }

  /** Answers that are not settled: those of calls that have begun and are not answered in full. */
  get openCount(): number {
    return this.opened;
  }

  /** Answers that found no room, ever. */
  get refusedCount(): number {
    return this.refused;
  }

  /** Answers that were ended for the room of others, ever. */
  get endedCount(): number {
    return this.ended;
  }

  /**
   * An answer that holds nothing yet.
   *
   * @param address where it was asked for, or undefined for this machine.
   * @param copies how often its bytes are in memory while they are sent.
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

  /** For {@link UnsentAnswer}: what it holds has changed by so much. */
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

  /** For {@link UnsentAnswer}: resolves when so much is reserved for it. @throws Failure OVERLOADED */
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
    // What takes no room waits until there is any, and for nobody else's.
    if (bytes === 0) holder.waiting.unshift(waiting);
    else holder.waiting.push(waiting);
    holder.waitingBytes += keptBytes;
    holder.group.waitingBytes += keptBytes;
    this.waitingBytes += keptBytes;
    this.waiting.add(holder);
    const cancel = this.options.after(limits.sendAdmissionSecondsMax * 1000, () =>
      this.refuse(waiting, 'the answers of others are still being sent'),
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

  /** For one more that waits; who came last, of those who keep most, makes way for it. @throws Failure OVERLOADED */
  private makePlace(holder: Held, keptBytes: number): void {
    const { holderWaitingMax, holderWaitingBytesMax, waitingBytesMax } = limits;
    const why = 'too many answers wait for room';
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

  /** Whose waiting calls keep most, of the group whose do. @param asking of whose group it is, unless another keeps more. */
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

  /** Lets in who waits: those first whose group holds least, and who do in it. */
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

  /** Whether there is room, but not for whoever holds so much. */
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

  /** What is larger than all that is allowed may go alone. */
  private fits(holder: Held, bytes: number): boolean {
    const { unsentBytesMax, holderUnsentBytesMax } = this.options;
    const left = holder.bytes + bytes > holderUnsentBytesMax ? holderUnsentBytesMax : 0;
    return this.bytes === 0 || this.bytes + bytes <= unsentBytesMax - left;
  }

  /** While somebody waits: ends what stands in the way, now and again. */
  private look(): void {
    this.isLooking = this.waiting.size > 0;
    if (!this.isLooking) return;
    const now = this.elapsed();
    for (const answer of [...this.answers]) answer.disconnectIfKept(now);
    this.makeRoom(now);
    this.options.after(lookMs, () => this.look());
  }

  /** Ends what nobody takes, also while nobody waits: of some connections it is never told that their peer is gone. */
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
      answer.end(now, new Failure('DEADLINE_EXCEEDED', `nothing was taken for ${stalledSecondsMax} s`));
    }
    after(sweepMs, () => this.sweep());
  }

  private makeRoom(now: number): void {
    const taken: UnsentAnswer[] = [];
    let missing = 0;
    for (const { waiting } of this.waiting) for (const { bytes } of waiting) missing += Math.max(1, bytes);
    for (const answer of this.answers) {
      // It is on its way back.
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

  /** Ends answers that are not slow, of those who hold more than their share, for those who hold less and wait. */
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

  /** An equal part for each group that holds something or waits, and an equal part of it for each of its holders. */
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
