/** Frees sessions that have expired or were deleted, with their contents; seals sessions whose lease has lapsed. */

import type { ArtifactId, SessionUid } from '../../../domain/ids.ts';
import type { Budget } from '../../../domain/load/budget.ts';
import { type Asking, backgroundQueue, type Reader, type Tx } from '../../../index/door.ts';
import { keys } from '../../../index/keys.ts';
import type { SessionRecord } from '../../../index/records.ts';
import { dueTime, emptySince, hasLapsed, isOver, isPresent } from '../../rows/session-life.ts';
import { putSession } from '../../rows/session-rows.ts';
import { type Operation, transact } from '../../rows/transaction.ts';
import { markDeleted } from '../../sessions/session-deletion.ts';
import { addRemoved, inBackground, type Reaped, type ReaperOptions } from '../reaped.ts';
import {
  artifactBytes,
  artifactKeys,
  artifactsTogether,
  type LeftRows,
  removeArtifacts,
  removeLeftRows,
  removeSession,
} from './rows.ts';

/** The number of rows that are removed together. */
const leftTogether = 500;
/** A session with at most this many events is removed in one transaction. */
const smallFeed = 200;

/** Reaps one session at a time. */
export class SessionReaper {
  private readonly options: ReaperOptions;

  constructor(options: ReaperOptions) {
    this.options = options;
  }

  /**
   * Does the work that is due for a session.
   *
   * @param time the time in the queue at which it is due. @param done gets the freed things added.
   */
  async reap(ns: string, uid: SessionUid, time: number, budget: Budget, done: Reaped): Promise<void> {
    const { index, lapses, onStep } = this.options;
    const value = await index.get(keys.sessions.record.key(ns, uid));
    const record = value && keys.sessions.record.decode(value);
    if (record === undefined || dueTime(record) !== time) return await this.dropStale(ns, uid, time);
    if (hasLapsed(record, index.now())) {
      if (await lapses.perform(ns, uid)) {
        done.lapsed++;
        budget.spend('items', 1);
      }
      await onStep?.('reap.lapsed');
      return;
    }
    if (record.state === 'sealing' || !isOver(record, index.now())) return;
    const small = await this.smallParts(ns, record);
    if (small !== undefined) await this.removeAtOnce(ns, uid, small, budget, done);
    else await this.removeInParts(ns, record, budget, done);
  }

  private paced<T>(operation: Operation<T>): Promise<T> {
    const { index, pace } = this.options;
    return pace.of(() => transact(index, operation));
  }

  /** Removes a row of the queue that does not match its session. */
  private async dropStale(ns: string, uid: SessionUid, time: number): Promise<void> {
    await this.paced({
      ns,
      queue: backgroundQueue,
      reads: [keys.sessions.record.key(ns, uid)],
      *decide(tx) {
        const record = tx.get(keys.sessions.record, ns, uid);
        if (record === undefined || dueTime(record) !== time)
          tx.del(keys.calls.expiry, time, ns, 'session', uid);
      },
    });
  }

  /** Returns all rows of a session that is small. */
  private async smallParts(ns: string, session: SessionRecord): Promise<Parts | undefined> {
    if (session.artifacts > artifactsTogether || session.feed > smallFeed) return undefined;
    await using snapshot = this.options.index.snapshot();
    const { uid } = session;
    const left = await leftRows(snapshot, ns, uid, smallFeed + artifactsTogether);
    if (left.names.length > artifactsTogether) return undefined;
    const ids: ArtifactId[] = [];
    for await (const block of snapshot.scan(keys.artifacts.version.range(ns, uid)))
      for (const [, value] of block) ids.push(keys.artifacts.version.decode(value).id);
    return { ids, left, lastSequence: session.feed };
  }

  private async removeAtOnce(
    ns: string,
    uid: SessionUid,
    parts: Parts,
    budget: Budget,
    done: Reaped,
  ): Promise<void> {
    const { ids, left, lastSequence } = parts;
    const result = await this.paced({
      ns,
      queue: backgroundQueue,
      bytesHint: artifactBytes * (ids.length + 1),
      reads: [keys.sessions.record.key(ns, uid), ...artifactKeys(ns, ids)],
      *decide(tx) {
        const before = tx.get(keys.sessions.record, ns, uid);
        const removed = yield* removeArtifacts(tx, ids);
        const isWhole = removed.seen === ids.length && before?.feed === lastSequence;
        const isGone = isWhole && (yield* settle(tx, uid, ids.length - removed.artifacts));
        if (isGone) {
          yield* removeLeftRows(tx, uid, left);
          yield* removeSession(tx, tx.get(keys.sessions.record, ns, uid)!);
        }
        return { removed, isGone };
      },
    });
    addRemoved(done, result.removed, budget);
    if (result.isGone) addSession(done, budget);
    await this.options.onStep?.('reap.session');
  }

  private async removeInParts(
    ns: string,
    session: SessionRecord,
    budget: Budget,
    done: Reaped,
  ): Promise<void> {
    const { index, onStep } = this.options;
    const { uid } = session;
    const survivors = await this.removeContents(ns, uid, budget, done);
    if (survivors === undefined) return;
    const isEmpty = await this.paced({
      ns,
      ...inBackground,
      reads: [keys.sessions.record.key(ns, uid)],
      *decide(tx) {
        // A session that has changed meanwhile is looked at again.
        if (tx.get(keys.sessions.record, ns, uid)?.revision !== session.revision) return false;
        return yield* settle(tx, uid, survivors);
      },
    });
    await onStep?.('reap.emptied');
    if (!isEmpty) return;
    for (;;) {
      const left = await leftRows(index, ns, uid, leftTogether);
      const isLast = left.sequences.length + left.names.length < leftTogether;
      await this.paced({
        ns,
        ...inBackground,
        reads: [keys.sessions.record.key(ns, uid)],
        *decide(tx) {
          yield* removeLeftRows(tx, uid, left);
          const record = tx.get(keys.sessions.record, ns, uid);
          if (isLast && record?.deleteTime !== undefined && record.artifacts === 0)
            yield* removeSession(tx, record);
        },
      });
      await onStep?.('reap.session');
      if (isLast) break;
      if (budget.isSpent) return;
    }
    addSession(done, budget);
  }

  /** Returns the number of artifacts that survive. Undefined if the time was too short to look at all of them. */
  private async removeContents(
    ns: string,
    uid: SessionUid,
    budget: Budget,
    done: Reaped,
  ): Promise<number | undefined> {
    let survivors = 0;
    for await (const block of this.options.index.scan(keys.artifacts.version.range(ns, uid))) {
      let ids = block.map(([, value]) => keys.artifacts.version.decode(value).id);
      while (ids.length > 0) {
        if (budget.isSpent) return undefined;
        const together = ids.slice(0, artifactsTogether);
        const removed = await this.paced({
          ns,
          queue: backgroundQueue,
          bytesHint: artifactBytes * together.length,
          reads: artifactKeys(ns, together),
          decide: (tx) => removeArtifacts(tx, together),
        });
        await this.options.onStep?.('reap.artifacts');
        addRemoved(done, removed, budget);
        survivors += removed.seen - removed.artifacts;
        ids = ids.slice(removed.seen);
      }
    }
    return survivors;
  }
}

interface Parts {
  readonly ids: readonly ArtifactId[];
  readonly left: LeftRows;
  /** The last sequence of the feed, as it was read. */
  readonly lastSequence: number;
}

/**
 * Decides about a session that is over, when the things that go with it have gone. The session waits for its survivors,
 * or counts as deleted. Returns true for the latter.
 */
function* settle(tx: Tx, uid: SessionUid, survivors: number): Asking<boolean> {
  yield [keys.sessions.record.key(tx.ns, uid)];
  const session = tx.get(keys.sessions.record, tx.ns, uid);
  if (session === undefined || !isOver(session, tx.now)) return false;
  if (session.artifacts > 0 || isPresent(session, tx.now)) {
    const isWaiting = session.deleteTime === undefined && session.artifacts === survivors;
    if (isWaiting && !session.reaped) putSession(tx, session, { ...session, reaped: true });
    return false;
  }
  if (session.deleteTime === undefined)
    yield* markDeleted(tx, session, Math.min(tx.now, emptySince(session)));
  return true;
}

/** Returns the first rows of a session's feed and heads, at most `limit` of them. */
async function leftRows(reader: Reader, ns: string, uid: SessionUid, limit: number): Promise<LeftRows> {
  const sequences: number[] = [];
  const names: string[] = [];
  for await (const block of reader.scan({ ...keys.artifacts.feed.range(ns, uid), limit }))
    for (const [key] of block) sequences.push(keys.artifacts.feed.parse(key)[2]);
  if (sequences.length < limit)
    for await (const block of reader.scan({
      ...keys.artifacts.head.range(ns, uid),
      limit: limit - sequences.length,
    }))
      for (const [key] of block) names.push(keys.artifacts.head.parse(key)[2]);
  return { sequences, names };
}

function addSession(done: Reaped, budget: Budget): void {
  done.sessions++;
  budget.spend('items', 1);
}
