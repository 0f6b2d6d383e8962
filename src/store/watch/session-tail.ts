/** The new events of one session, read once for all who watch it. */
import { Failure } from '../../domain/errors.ts';
import type { SessionUid } from '../../domain/ids.ts';
import { type After, turn } from '../../domain/timer.ts';
import type { Index } from '../../index/door.ts';
import type { SessionRecord } from '../../index/records.ts';
import { sessionNotFound } from '../rows/failures.ts';
import { type FeedEvent, feedEvents, readSessionRecord, readUid } from './feed.ts';
import type { Mailbox } from './mailbox.ts';

/** How to wait for a lapse, and how to write it down. */
export interface Lapsing {
  readonly after: After;
  perform(ns: string, uid: SessionUid): Promise<boolean>;
}

/** No timer of Node runs longer than 24 days; after this time the tail looks again. */
const timerMsMax = 24 * 3_600_000;
/** Such seals wait while the clock is suspect. */
const retryMs = 15_000;

/** Sending to each member takes some tens of microseconds. */
const toldTogether = 16;

/** A receiver of events. */
export interface Member {
  readonly mailbox: Mailbox<FeedEvent | 'silence'>;
  /** Returns true if the member gets this event at all. */
  wants(event: FeedEvent): boolean;
}

/** The end of one session's feed. */
export class SessionTail {
  /** The last event that the members got. */
  position: number;
  private readonly members = new Set<Member>();
  private readonly index: Index;
  readonly ns: string;
  readonly uid: SessionUid;
  readonly id: string;
  private readonly lapsing: Lapsing;
  private reading: Promise<void> | undefined;
  private again = false;
  private cancelLapse: (() => void) | undefined;
  /** True: the lapse was seen, and an attempt to write it down was made. */
  private wasLapsed = false;

  constructor(
    index: Index,
    ns: string,
    session: { readonly uid: SessionUid; readonly id: string },
    position: number,
    lapsing: Lapsing,
  ) {
    this.index = index;
    this.lapsing = lapsing;
    this.ns = ns;
    this.uid = session.uid;
    this.id = session.id;
    this.position = position;
  }

  get size(): number {
    return this.members.size;
  }

  has(member: Member): boolean {
    return this.members.has(member);
  }

  isOf(ns: string, id: string): boolean {
    return this.ns === ns && this.id === id;
  }

  add(member: Member): void {
    this.members.add(member);
  }

  remove(member: Member): void {
    this.members.delete(member);
    if (this.members.size === 0) this.cancelLapse?.();
  }

  /** Called when something may be new. Reads it, once however often this is called meanwhile. */
  look(): void {
    this.again = true;
    this.reading ??= this.readAll().finally(() => {
      this.reading = undefined;
    });
  }

  /** Resolves when no read is running. */
  async idle(): Promise<void> {
    await this.reading;
  }

  private async readAll(): Promise<void> {
    while (this.again && this.members.size > 0) {
      this.again = false;
      // A caller that has just pushed is answered first.
      await turn();
      try {
        await this.read();
      } catch (error) {
        this.fail(error);
      }
    }
  }

  private async read(): Promise<void> {
    await using snapshot = this.index.snapshot();
    const isThere = (await readUid(snapshot, this.ns, this.id)) === this.uid;
    const record = isThere ? await readSessionRecord(snapshot, this.ns, this.uid) : undefined;
    if (record === undefined) return this.fail(sessionNotFound(this.id));
    const now = this.index.now();
    this.awaitLapse(record, now);
    if (record.feed <= this.position) return;
    for await (const events of feedEvents(snapshot, this.ns, record, this.position, now))
      for (const event of events) await this.tell(event);
  }

  /** A watcher that waits for the seal need not wait for the reaper, if the lease lapses. */
  private awaitLapse({ state, lease }: SessionRecord, now: number): void {
    this.cancelLapse?.();
    this.cancelLapse = undefined;
    if (state !== 'open' || lease === undefined) return;
    const { after, perform } = this.lapsing;
    const ms = lease.expireTime > now ? Math.min(lease.expireTime - now, timerMsMax) : retryMs;
    const tryIt = () => {
      perform(this.ns, this.uid).then(
        () => this.look(),
        (error: unknown) => this.fail(error),
      );
    };
    if (lease.expireTime <= now && !this.wasLapsed) {
      this.wasLapsed = true;
      tryIt();
    } else this.cancelLapse = after(ms, tryIt);
  }

  /** Sends the event to some members at a time: others are served in between. */
  private async tell(event: FeedEvent): Promise<void> {
    // A member that joins from here on finds the event in the index.
    this.position = event.sequence;
    let told = 0;
    for (const member of [...this.members]) {
      if (!this.members.has(member)) continue;
      if (!member.wants(event) || member.mailbox.put(event, event.bytes)) {
        if (++told % toldTogether === 0) await turn();
        continue;
      }
      this.members.delete(member);
      member.mailbox.fail(tooSlow);
    }
  }

  private fail(error: unknown): void {
    for (const member of this.members) member.mailbox.fail(error);
    this.members.clear();
  }
}

/** Marks a watcher that took too long; the code that ends it knows how far it has come. */
export const tooSlow = new Failure('OVERLOADED', 'the watcher reads events too slowly');
