/** Room in memory for bytes that come in faster than they are processed: a limit for all, and shares of it. */
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { nameOfPayer, type Payer } from '../domain/principal.ts';
import { type After, afterRealTime, unlessAborted } from './timer.ts';

interface ByteRoomOptions {
  readonly after: After;
  readonly bytesMax: number;
  /** The limit of one group. */
  readonly groupBytesMax: number;
  /** The message for callers that have waited too long. */
  readonly why: string;
}

/** The caller that takes room. */
export interface RoomTaker {
  readonly group: string;
  readonly payer: Payer;
}

interface Waiting {
  readonly by: RoomTaker;
  readonly bytes: number;
  readonly go: () => void;
}

/** Takes and returns room. While room is short, the payer with the least of it comes first. */
export class ByteRoom {
  private readonly options: ByteRoomOptions;
  private readonly ofGroup = new Map<string, number>();
  private readonly ofPayer = new Map<string, number>();
  private readonly waiting: Waiting[] = [];
  private taken = 0;
  private most = 0;

  constructor(options: ByteRoomOptions) {
    this.options = options;
  }

  /** The number of bytes that are taken and not returned. */
  get bytes(): number {
    return this.taken;
  }

  /** The highest value of {@link bytes} so far. */
  get bytesPeak(): number {
    return this.most;
  }

  /**
   * Resolves when this number of bytes is taken. The caller must return them.
   *
   * @param onWait called if room is short at first.
   * @throws Failure OVERLOADED, and the signal's reason.
   */
  async take(
    by: RoomTaker,
    bytes: number,
    { signal, onWait }: { readonly signal?: AbortSignal; readonly onWait?: () => void } = {},
  ): Promise<void> {
    if (this.waiting.length === 0 && this.fits(by.group, bytes)) return this.charge(by, bytes);
    onWait?.();
    const turn = Promise.withResolvers<void>();
    let hasRoom = false;
    const go = () => {
      hasRoom = true;
      turn.resolve();
    };
    const waiting: Waiting = { by, bytes, go };
    this.waiting.push(waiting);
    const cancel = this.options.after(limits.admissionSecondsMax * 1000, () => {
      this.forget(waiting);
      turn.reject(new Failure('OVERLOADED', this.options.why, { retryAfterMs: 1_000 }));
    });
    try {
      this.goOn();
      await (signal === undefined ? turn.promise : unlessAborted(signal, turn.promise));
    } catch (error) {
      this.forget(waiting);
      if (hasRoom) this.give(by, bytes);
      throw error;
    } finally {
      cancel();
    }
  }

  /** Returns this number of the taken bytes. */
  give(by: RoomTaker, bytes: number): void {
    this.charge(by, -bytes);
    this.goOn();
  }

  /** Lets waiting takers go on. A waiting group does not delay the others; the payer with the least comes first. */
  private goOn(): void {
    const order = this.waiting
      .map((waiting) => ({ waiting, ...this.takenBy(waiting.by) }))
      .sort((a, b) => a.inGroup - b.inGroup || a.own - b.own);
    for (const { waiting } of order) {
      const { by, bytes, go } = waiting;
      if (!this.fits(by.group, bytes)) continue;
      this.forget(waiting);
      this.charge(by, bytes);
      go();
    }
  }

  private takenBy({ group, payer }: RoomTaker): { inGroup: number; own: number } {
    return {
      inGroup: this.ofGroup.get(group) ?? 0,
      own: this.ofPayer.get(nameOfPayer(payer)) ?? 0,
    };
  }

  private forget(waiting: Waiting): void {
    const at = this.waiting.indexOf(waiting);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** Returns true if the bytes fit. Bytes beyond the limit for all may go alone. */
  private fits(group: string, bytes: number): boolean {
    const { bytesMax, groupBytesMax } = this.options;
    const own = this.ofGroup.get(group) ?? 0;
    const isAlone = this.taken === 0;
    return isAlone || (this.taken + bytes <= bytesMax && (own === 0 || own + bytes <= groupBytesMax));
  }

  private charge({ group, payer }: RoomTaker, bytes: number): void {
    this.taken += bytes;
    this.most = Math.max(this.most, this.taken);
    addTo(this.ofGroup, group, bytes);
    addTo(this.ofPayer, nameOfPayer(payer), bytes);
  }
}

/** Returns room for messages that are inflated, with the usual limits. */
export function usualInflatedRoom(after: After = afterRealTime): ByteRoom {
  return new ByteRoom({
    after,
    bytesMax: limits.inflatedBytesMax,
    groupBytesMax: limits.groupInflatedBytesMax,
    why:
      'the message was refused, because the service is still processing other compressed messages; try again in a ' +
      'moment, or send it without compression',
  });
}

function addTo(counts: Map<string, number>, key: string, bytes: number): void {
  const sum = (counts.get(key) ?? 0) + bytes;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}
