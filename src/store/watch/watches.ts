/** Watching sessions: first the existing events, at the speed of the watcher, and then the new events as they come. */
import { Failure, invalid } from '../../domain/errors.ts';
import type { SessionUid } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import { Shares } from '../../domain/load/shares.ts';
import type { SessionId } from '../../domain/names.ts';
import { type Payer, type Principal, payerOf, seesArtifact, seesSession } from '../../domain/principal.ts';
import { type After, afterRealTime } from '../../domain/timer.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { SessionRecord } from '../../index/records.ts';
import { readSession } from '../look/session.ts';
import { sessionNotFound } from '../rows/failures.ts';
import { isIdFree } from '../rows/session-life.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import type { Listener } from './announcing-index.ts';
import { WatchedCredentials } from './credentials.ts';
import { Elsewhere, type Followed } from './elsewhere.ts';
import { type FeedEvent, feedEvents, readSeal, readSessionRecord } from './feed.ts';
import { Mailbox } from './mailbox.ts';
import { Replays } from './replays.ts';
import { type Lapsing, type Member, SessionTail, tooSlow } from './session-tail.ts';

/** The session to watch, and where to begin. */
export interface WatchRequest {
  readonly session: SessionId;
  /** Only events with a higher sequence. */
  readonly after: number;
  /** Only the seal. */
  readonly sealOnly: boolean;
  /** Wait if no session has this id yet. */
  readonly waitForOpen: boolean;
}

/** An event, or a sign that the watch is alive: `sequence` is then the last one that the watch has passed. */
export type WatchEvent =
  | FeedEvent
  | { readonly sequence: number; readonly time: number; readonly what: { readonly kind: 'heartbeat' } };

/** All watches. Nothing here is the truth: it could be forgotten at any time, and watches resumed. */
export class Watches implements Listener {
  private readonly tails = new Map<string, SessionTail>();
  private readonly watchers = new Shares<Watcher>();
  /** The watchers that wait for an id to name a session. */
  private readonly waiting = new Map<string, Set<Watcher>>();
  private readonly replays = new Replays();
  private readonly after: After;
  private readonly credentials: WatchedCredentials;
  private elsewhere: Elsewhere | undefined;
  private ended = false;
  private perform: Lapsing['perform'] = async () => false;

  /** @param after the timer of the heartbeats. */
  constructor(after: After = afterRealTime) {
    this.after = after;
    this.credentials = new WatchedCredentials(after);
  }

  /** Sets how the lapse of a watched session is written down. Before this call, watches write none down. */
  performLapsesBy(perform: Lapsing['perform']): void {
    this.perform = perform;
  }

  /** Returns the number of watches. */
  get count(): number {
    return this.watchers.size;
  }

  fed(ns: string, uid: string): void {
    this.tails.get(keyOf(ns, uid))?.look();
  }

  named(ns: string, id: string): void {
    for (const watcher of this.waiting.get(keyOf(ns, id)) ?? []) watcher.wake();
    for (const tail of this.tails.values()) if (tail.isOf(ns, id)) tail.look();
  }

  /** Ends every watch with SHUTTING_DOWN; no further watch begins. */
  end(): void {
    this.ended = true;
    this.elsewhere?.end();
    for (const watcher of this.watchers) watcher.mailbox.fail(shuttingDown());
  }

  /**
   * Yields events in the order of their sequences, each durable, until the seal, which is the last one. If no event
   * exists yet, a heartbeat comes first.
   *
   * @throws Failure SESSION_NOT_FOUND, also when the session goes while it is watched; INVALID_ARGUMENT for a sequence
   * above the last; OVERLOADED for too many watchers, or one that takes events too slowly; UNAUTHENTICATED when its
   * credentials end; SHUTTING_DOWN.
   */
  async *watch(
    index: Index,
    namespaces: Namespaces,
    by: Principal,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    const ns = by.namespace;
    await namespaces.require(ns);
    if (this.ended) throw shuttingDown();
    if (this.watchers.size >= limits.watchersMax && !this.makePlace(this.watchers, by))
      throw tooMany('the service has');
    const watcher = new Watcher(by, request, signal, this.after, index);
    this.watchers.add(watcher);
    this.elsewhere ??= new Elsewhere(index, this, () => this.followed(), this.after);
    this.elsewhere.begin();
    try {
      await this.credentials.add(watcher);
      yield* this.waited(index, watcher);
      const { uid } = await readSession(index, by, request.session, index.now());
      yield* this.follow(index, watcher, uid);
    } catch (error) {
      throw error === tooSlow ? watcher.overloaded('the watcher reads events too slowly') : error;
    } finally {
      watcher.close();
      this.credentials.remove(watcher);
      this.watchers.delete(watcher);
    }
  }

  private *followed(): Generator<Followed> {
    for (const { ns, id, uid } of this.tails.values()) yield { ns, id, uid };
    for (const [first] of this.waiting.values()) {
      if (first === undefined) continue;
      const { by, request } = first;
      yield { ns: by.namespace, id: request.session, uid: undefined };
    }
  }

  /**
   * Ends the latest watch of a principal that has more than a share of these, in favour of the one that asks.
   *
   * @returns true if such a watch existed.
   */
  private makePlace(watchers: Shares<Watcher>, asking: Principal): boolean {
    const latest = [...watchers.overShare(payerOf(asking))].at(-1);
    if (latest === undefined) return false;
    latest.fail(
      latest.overloaded(
        'this watch was ended: these credentials have too many watches open, and other callers are waiting; end some ' +
          'of them',
      ),
    );
    this.watchers.delete(latest);
    return true;
  }

  /** Yields heartbeats until a session has this id. */
  private async *waited(index: Index, watcher: Watcher): AsyncGenerator<WatchEvent> {
    const { by, request } = watcher;
    if (!request.waitForOpen || !seesSession(by, request.session)) return;
    const key = keyOf(by.namespace, request.session);
    const others = this.waiting.get(key) ?? new Set();
    this.waiting.set(key, others.add(watcher));
    try {
      for (;;) {
        const value = await index.get(keys.sessions.name.key(by.namespace, request.session));
        const name = value && keys.sessions.name.decode(value);
        if (name !== undefined && !isIdFree(name, undefined, index.now())) return;
        if (!watcher.isHeard) yield watcher.heartbeat();
        const next = await watcher.next();
        if (next === 'silence' && watcher.isSilent) yield watcher.heartbeat();
      }
    } finally {
      others.delete(watcher);
      if (others.size === 0) this.waiting.delete(key);
    }
  }

  private async *follow(index: Index, watcher: Watcher, uid: SessionUid): AsyncGenerator<WatchEvent> {
    const { by, request } = watcher;
    const record = await readSessionRecord(index, by.namespace, uid);
    if (record === undefined) throw sessionNotFound(request.session);
    if (request.after > record.feed)
      throw invalid(
        'after_sequence',
        `must be at most ${record.feed}, the number of the latest event of the session`,
      );
    if (yield* this.caughtUp(index, watcher, uid, Number.POSITIVE_INFINITY)) return;
    const key = keyOf(by.namespace, uid);
    const tail = this.tailOf(index, key, record, watcher);
    try {
      // Events between reading and joining; from there on, events are in the mailbox.
      if (yield* this.caughtUp(index, watcher, uid, tail.position)) return;
      if (!watcher.isHeard) yield watcher.heartbeat();
      tail.look();
      for (;;) {
        const next = await watcher.next();
        if (next === 'silence') {
          // If an announcement was lost, this look finds the event.
          tail.look();
          if (watcher.isSilent) yield watcher.heartbeat();
        } else if (next.sequence > watcher.position) {
          yield watcher.take(next);
          if (next.what.kind === 'sealed') return;
        }
      }
    } finally {
      tail.remove(watcher);
      if (tail.size === 0) {
        if (this.tails.get(key) === tail) this.tails.delete(key);
        await tail.idle();
      }
    }
  }

  /**
   * Yields the events up to a sequence, at the watcher's own speed. Returns true when the last one was the seal.
   */
  private async *caughtUp(
    index: Index,
    watcher: Watcher,
    uid: SessionUid,
    until: number,
  ): AsyncGenerator<WatchEvent, boolean> {
    for (;;) {
      const events = await this.someAfter(index, watcher, uid);
      if (events.length === 0) return false;
      for (const event of events) {
        if (event.sequence > until) return false;
        watcher.mailbox.requireWhole();
        if (watcher.wants(event)) yield watcher.take(event);
        else watcher.position = event.sequence;
        if (event.what.kind === 'sealed') return true;
      }
    }
  }

  /** Returns the next events. No snapshot is open while they are taken. */
  private async someAfter(index: Index, watcher: Watcher, uid: SessionUid): Promise<readonly FeedEvent[]> {
    const { by, request } = watcher;
    await using snapshot = index.snapshot();
    const record = await readSessionRecord(snapshot, by.namespace, uid);
    if (record === undefined) throw sessionNotFound(request.session);
    const seal = await readSeal(snapshot, by.namespace, record, index.now());
    if (seal !== undefined && (request.sealOnly || seal.sequence <= watcher.position)) return [seal];
    if (request.sealOnly) watcher.position = Math.max(watcher.position, record.feed);
    if (record.feed <= watcher.position) return [];
    const { namespace } = by;
    const { position } = watcher;
    return await this.replays.page(`${keyOf(namespace, uid)}\n${position}`, () =>
      readPage(index, namespace, uid, position),
    );
  }

  private tailOf(index: Index, key: string, record: SessionRecord, watcher: Watcher): SessionTail {
    const { namespace } = watcher.by;
    const tail =
      this.tails.get(key) ??
      new SessionTail(index, namespace, record, watcher.position, {
        after: this.after,
        perform: (ns, uid) => this.perform(ns, uid),
      });
    if (tail.size >= limits.sessionWatchersMax) {
      const members = new Shares([...this.watchers].filter((other) => tail.has(other)));
      if (!this.makePlace(members, watcher.by)) throw tooMany('this session has');
      for (const member of members) if (!this.watchers.has(member)) tail.remove(member);
    }
    this.tails.set(key, tail);
    tail.add(watcher);
    return tail;
  }
}

async function readPage(
  index: Index,
  ns: string,
  uid: SessionUid,
  position: number,
): Promise<readonly FeedEvent[]> {
  await using snapshot = index.snapshot();
  const record = await readSessionRecord(snapshot, ns, uid);
  if (record === undefined) return [];
  for await (const events of feedEvents(snapshot, ns, record, position, index.now())) return events;
  return [];
}

/** One watch. */
class Watcher implements Member {
  readonly mailbox = new Mailbox<FeedEvent | 'silence'>({
    itemsMax: limits.watcherEventsMax,
    bytesMax: limits.watcherBytesMax,
  });
  /** The last sequence that the watcher has passed. */
  position: number;
  /** True: nothing was sent since the last heartbeat. */
  isSilent = false;
  /** True: something was sent, so the client knows that the watch exists. */
  isHeard = false;
  readonly by: Principal;
  readonly request: WatchRequest;
  readonly signal: AbortSignal;
  readonly index: Index;
  private readonly after: After;
  private cancel: (() => void) | undefined;

  constructor(by: Principal, request: WatchRequest, signal: AbortSignal, after: After, index: Index) {
    this.by = by;
    this.request = request;
    this.signal = signal;
    this.after = after;
    this.index = index;
    this.position = request.after;
    signal.addEventListener('abort', this.onAbort, { once: true });
    if (signal.aborted) this.onAbort();
  }

  private readonly onAbort = () => this.mailbox.fail(this.signal.reason);

  /**
   * A watcher gets no event that its token does not cover. The name of an artifact that is gone is not known any more.
   */
  wants({ what }: FeedEvent): boolean {
    if (what.kind === 'sealed') return true;
    if (this.request.sealOnly) return false;
    return what.kind === 'committed'
      ? seesArtifact(this.by, what.artifact)
      : this.by.restriction?.namePrefix === undefined;
  }

  /** Takes an event out of the mailbox, or returns a silence if none came for some time. */
  async next(): Promise<FeedEvent | 'silence'> {
    this.cancel ??= this.after(limits.heartbeatSeconds * 1_000, () => {
      this.cancel = undefined;
      this.isSilent = true;
      this.wake();
    });
    return await this.mailbox.next();
  }

  fail(error: unknown): void {
    this.mailbox.fail(error);
  }

  /** Makes the watcher look again. */
  wake(): void {
    this.mailbox.put('silence', 0);
  }

  /** Records that the watcher has come to an event. */
  take(event: FeedEvent): FeedEvent {
    this.position = Math.max(this.position, event.sequence);
    this.rest();
    return event;
  }

  heartbeat(): WatchEvent {
    this.rest();
    return { sequence: this.position, time: this.index.now(), what: { kind: 'heartbeat' } };
  }

  private rest(): void {
    this.isHeard = true;
    this.isSilent = false;
    this.cancel?.();
    this.cancel = undefined;
  }

  get payer(): Payer {
    return payerOf(this.by);
  }

  /** Returns the reason for which the watcher is ended, and where it can go on. */
  overloaded(why: string): Failure {
    const { session } = this.request;
    const { position } = this;
    return new Failure('OVERLOADED', `${why}; resume with after_sequence ${position}`, {
      metadata: { session, after_sequence: String(position) },
      retryAfterMs: 1_000,
    });
  }

  close(): void {
    this.cancel?.();
    this.signal.removeEventListener('abort', this.onAbort);
  }
}

/** Neither namespaces nor ids contain a line break. */
function keyOf(ns: string, id: string): string {
  return `${ns}\n${id}`;
}

function tooMany(what: string): Failure {
  return new Failure('OVERLOADED', `${what} too many watchers; end other watches, or try again later`, {
    retryAfterMs: 5_000,
  });
}

function shuttingDown(): Failure {
  return new Failure('SHUTTING_DOWN', 'the service is stopping', { retryAfterMs: 1_000 });
}
