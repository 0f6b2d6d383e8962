/**
 * One limit for the bytes that wait to be sent, of all answers on all transports. Without it, callers that ask and do
 * not read fill the memory. Room is reserved before an answer is made. Bytes that were passed to a connection count
 * until their write has called back. While a call waits for room, slow answers are ended. A call that waits too long
 * fails with advice to retry. The reasons are in `docs/decisions/0026-unsent-bytes.md`.
 */
import { limits } from '../../domain/limits.ts';
import { nameOfPayer, type Payer } from '../../domain/principal.ts';
import { stalledReader } from '../errors.ts';
import { type After, unlessAborted } from '../timer.ts';
import {
  type AnswerEnds,
  endedForOthers,
  type GroupAnswers,
  nobodyLeft,
  overloaded,
  type PayerAnswers,
  UnsentAnswer,
  type Waiting,
} from './unsent-answer.ts';

interface UnsentOptions {
  readonly after: After;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
  /** The default of each is in {@link limits}. */
  readonly unsentBytesMax?: number;
  readonly payerUnsentBytesMax?: number;
  readonly stalledSecondsMax?: number;
  /** The time between searches for answers that no client takes. Default 5,000. */
  readonly sweepMs?: number;
}

/**
 * While a call waits: the time between searches for answers to end. An answer that is not slow keeps its room at least
 * this long.
 */
const lookMs = 1_000;

/** Counts the bytes that all answers of a service keep, and the calls that wait for room. Times are in milliseconds. */
export class UnsentBytes {
  private readonly options: Required<UnsentOptions>;
  private readonly payers = new Map<string, PayerAnswers>();
  private readonly groups = new Map<string, GroupAnswers>();
  private readonly waiting = new Set<PayerAnswers>();
  /** The answers that keep bytes. */
  private readonly answers = new Set<UnsentAnswer>();
  private all = 0;
  /** The number of bytes that waiting calls keep. */
  private waitingBytes = 0;
  private most = 0;
  private ended = 0;
  private refused = 0;
  private opened = 0;
  private isLooking = false;
  private isSweeping = false;

  constructor(options: UnsentOptions) {
    this.options = {
      unsentBytesMax: limits.unsentBytesMax,
      payerUnsentBytesMax: limits.payerUnsentBytesMax,
      stalledSecondsMax: limits.stalledReaderSecondsMax,
      sweepMs: 5_000,
      ...options,
    };
  }

  /** The number of bytes that are unsent, or admitted to be made. */
  get bytes(): number {
    return this.all;
  }

  /** The highest value of {@link bytes} so far. */
  get bytesPeak(): number {
    return this.most;
  }

  /** The number of answers that keep bytes. */
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
   * Returns an answer that keeps no bytes yet.
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
  payer(of: Payer): PayerAnswers {
    const name = nameOfPayer(of);
    const payer = this.payers.get(name) ?? this.meet(name, of);
    payer.answers++;
    return payer;
  }

  private meet(name: string, of: Payer): PayerAnswers {
    const group = this.groups.get(of.group) ?? { bytes: 0, waitingBytes: 0, payers: new Set<PayerAnswers>() };
    const payer: PayerAnswers = { of, group, bytes: 0, answers: 0, waiting: [], waitingBytes: 0 };
    group.payers.add(payer);
    this.groups.set(of.group, group);
    this.payers.set(name, payer);
    return payer;
  }

  /** For {@link UnsentAnswer}. */
  letGo(payer: PayerAnswers): void {
    payer.answers--;
    if (payer.answers > 0) return;
    const { of, group } = payer;
    this.payers.delete(nameOfPayer(of));
    group.payers.delete(payer);
    if (group.payers.size === 0) this.groups.delete(of.group);
  }

  /** For {@link UnsentAnswer}: the bytes that it keeps have changed by this number. */
  charge(answer: UnsentAnswer, bytes: number): void {
    this.all += bytes;
    this.most = Math.max(this.most, this.all);
    answer.payer.bytes += bytes;
    answer.payer.group.bytes += bytes;
    if (answer.bytes > 0) this.answers.add(answer);
    else this.answers.delete(answer);
    if (!this.isSweeping) this.sweep();
    if (bytes < 0 && this.waiting.size > 0) this.goOn();
  }

  /**
   * For {@link UnsentAnswer}: resolves when this number of bytes is reserved for it; undefined: it is now.
   *
   * @throws Failure OVERLOADED
   */
  admit(answer: UnsentAnswer, bytes: number, signal: AbortSignal): Promise<void> | undefined {
    if ((this.waiting.size > 0 && bytes > 0) || !this.fits(answer.payer, bytes))
      return this.wait(answer, bytes, signal);
    answer.reserve(bytes);
    return undefined;
  }

  private async wait(answer: UnsentAnswer, bytes: number, signal: AbortSignal): Promise<void> {
    const { payer } = answer;
    const keptBytes = limits.waitingCallBytes + answer.requestBytes;
    this.makePlace(payer, keptBytes);
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
    if (bytes === 0) payer.waiting.unshift(waiting);
    else payer.waiting.push(waiting);
    payer.waitingBytes += keptBytes;
    payer.group.waitingBytes += keptBytes;
    this.waitingBytes += keptBytes;
    this.waiting.add(payer);
    const cancel = this.options.after(limits.sendAdmissionSecondsMax * 1000, () =>
      this.refuse(
        waiting,
        'the call was refused, because answers that are not yet sent fill the memory reserved for them; try again ' +
          'in a moment',
      ),
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
    const waiting = answer.payer.waiting.find((one) => one.answer === answer);
    if (waiting === undefined) return;
    this.forget(waiting);
    waiting.refuse(nobodyLeft());
  }

  /**
   * Makes a place for one more waiting call. Of the payers that keep most, the last call to arrive gives up its place.
   * @throws Failure OVERLOADED
   */
  private makePlace(payer: PayerAnswers, keptBytes: number): void {
    const { payerWaitingMax, payerWaitingBytesMax, waitingBytesMax } = limits;
    const why = 'too many answers are waiting for memory; try again in a moment';
    const kept = payer.waitingBytes + keptBytes;
    if (payer.waiting.length >= payerWaitingMax || kept > payerWaitingBytesMax) {
      this.refused++;
      throw overloaded(why);
    }
    while (this.waitingBytes + keptBytes > waitingBytesMax) {
      const most = this.keepingMost(payer);
      if (most === undefined || most.waitingBytes <= kept) {
        this.refused++;
        throw overloaded(why);
      }
      this.refuse(most.waiting.at(-1)!, why);
    }
  }

  /**
   * Returns the payer whose waiting calls keep most, in the group whose calls keep most. @param asking wins unless
   * another keeps more.
   */
  private keepingMost(asking: PayerAnswers): PayerAnswers | undefined {
    let group = asking.group;
    for (const other of this.groups.values()) if (other.waitingBytes > group.waitingBytes) group = other;
    let most: PayerAnswers | undefined;
    for (const payer of group.payers)
      if (payer.waiting.length > 0 && (most === undefined || payer.waitingBytes > most.waitingBytes))
        most = payer;
    return most;
  }

  private refuse(waiting: Waiting, why: string): void {
    this.refused++;
    this.forget(waiting);
    waiting.refuse(overloaded(why));
  }

  /** Admits waiting calls: first those of the group that has least, and in it those of the payer that has least. */
  private goOn(): void {
    for (;;) {
      let least: PayerAnswers | undefined;
      for (const payer of this.waiting)
        if (!this.hasItsPart(payer) && (least === undefined || hasLess(payer, least))) least = payer;
      const first = least?.waiting[0];
      if (least === undefined || first === undefined || !this.fits(least, first.bytes)) return;
      this.forget(first);
      first.answer.reserve(first.bytes);
      first.go();
    }
  }

  /** Returns true if room exists, but not for a payer that has this much. */
  private hasItsPart(payer: PayerAnswers): boolean {
    const { bytes } = payer.waiting[0]!;
    return this.all + bytes <= this.options.unsentBytesMax && !this.fits(payer, bytes);
  }

  private forget(waiting: Waiting): void {
    const { payer } = waiting.answer;
    const at = payer.waiting.indexOf(waiting);
    if (at < 0) return;
    payer.waiting.splice(at, 1);
    payer.waitingBytes -= waiting.keptBytes;
    payer.group.waitingBytes -= waiting.keptBytes;
    this.waitingBytes -= waiting.keptBytes;
    if (payer.waiting.length === 0) this.waiting.delete(payer);
  }

  /** Returns true if the bytes fit. An answer larger than the whole limit may go alone. */
  private fits(payer: PayerAnswers, bytes: number): boolean {
    const { unsentBytesMax, payerUnsentBytesMax } = this.options;
    const left = payer.bytes + bytes > payerUnsentBytesMax ? payerUnsentBytesMax : 0;
    return this.all === 0 || this.all + bytes <= unsentBytesMax - left;
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
      answer.end(now, stalledReader(stalledSecondsMax));
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

  /** Ends answers that are not slow, of payers with more than their share, in favour of waiting payers with less. */
  private share(taken: readonly UnsentAnswer[], now: number): void {
    const shares = this.shares();
    let missing = 0;
    for (const payer of this.waiting) {
      const [first] = payer.waiting;
      if (first === undefined || now - first.sinceMs < lookMs) continue;
      if (payer.bytes + first.bytes <= shares.get(payer)!) missing += Math.max(1, first.bytes);
    }
    const left = new Map<PayerAnswers, number>();
    for (const answer of taken) {
      if (missing <= 0) return;
      const bytes = left.get(answer.payer) ?? answer.payer.bytes;
      if (answer.isEnded || bytes <= shares.get(answer.payer)!) continue;
      left.set(answer.payer, bytes - answer.bytes);
      missing -= answer.bytes;
      this.end(answer, now);
    }
  }

  /**
   * Returns an equal part for each group that has bytes or waits, and an equal part of that for each of its payers.
   */
  private shares(): Map<PayerAnswers, number> {
    const { unsentBytesMax, payerUnsentBytesMax } = this.options;
    const asking = [...this.groups.values()]
      .map(({ payers }) => [...payers].filter(({ bytes, waiting }) => bytes > 0 || waiting.length > 0))
      .filter(({ length }) => length > 0);
    const shares = new Map<PayerAnswers, number>();
    for (const payers of asking) {
      const share = Math.min(payerUnsentBytesMax, unsentBytesMax / asking.length / payers.length);
      for (const payer of payers) shares.set(payer, share);
    }
    return shares;
  }

  private end(answer: UnsentAnswer, now: number): void {
    this.ended++;
    answer.end(now, endedForOthers());
  }
}

function hasLess(one: PayerAnswers, other: PayerAnswers): boolean {
  return one.group.bytes < other.group.bytes || (one.group === other.group && one.bytes < other.bytes);
}
