/** The retention of namespaces, and new retentions for sessions that were opened earlier. */
import type { SessionUid } from '../../domain/ids.ts';
import type { Namespace } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import { type Retention, sameRetention } from '../../domain/retention.ts';
import type { Asking, Index, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { PolicyRecord, SessionRecord } from '../../index/records.ts';
import type { PageRequest } from '../look/page.ts';
import type { Listing } from '../queries/listing.ts';
import { checkEtag, etagOf } from '../rows/failures.ts';
import { hasLapsed, isOver, SessionLapsed } from '../rows/session-life.ts';
import { putSession } from '../rows/session-rows.ts';
import { type LapseWriter, transact } from '../rows/transaction.ts';
import {
  type Entered,
  enterKept,
  type KeptLists,
  keptKey,
  leaveKept,
  withExpiry,
} from '../sessions/kept-sessions.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { simulatedLists } from './kept-simulation.ts';

/** The retention of a namespace. */
export interface Policy {
  readonly namespace: string;
  /** Undefined: nothing expires by this policy. */
  readonly retention: Retention | undefined;
  /** Undefined: the policy was never set. */
  readonly updateTime: number | undefined;
  readonly etag: string;
}

/** The expiry of a session before and after. Undefined: it never expires, or it is still open. */
export interface RetentionChange {
  readonly session: string;
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly artifacts: number;
  readonly bytes: number;
}

/** The sessions to change, and their new retention. */
export interface Application extends PageRequest {
  /** Undefined: the present policy of the namespace. */
  readonly retention: Retention | undefined;
  /** A filter as in a listing of sessions. */
  readonly filter: string;
  /** True: only show what would happen. */
  readonly isDryRun: boolean;
}

interface ApplicationPage {
  readonly changes: readonly RetentionChange[];
  /** The number of sessions that were looked at. */
  readonly sessions: number;
  readonly nextPageToken: string;
}

/** Reads, sets and applies the retention of namespaces. */
export class Policies {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly listing: Listing;
  private readonly lapses: LapseWriter;

  constructor(index: Index, namespaces: Namespaces, listing: Listing, lapses: LapseWriter) {
    this.index = index;
    this.namespaces = namespaces;
    this.listing = listing;
    this.lapses = lapses;
  }

  /** @throws Failure NAMESPACE_NOT_FOUND. */
  async get(ns: Namespace): Promise<Policy> {
    await this.namespaces.require(ns);
    const value = await this.index.get(keys.store.policy.key(ns));
    return toPolicy(ns, value && keys.store.policy.decode(value));
  }

  /**
   * Sets the policy for sessions that are opened from now on.
   *
   * @param isDryRun check and answer, change nothing.
   * @throws Failure NAMESPACE_NOT_FOUND, ETAG_MISMATCH.
   */
  async set(
    ns: Namespace,
    retention: Retention | undefined,
    { etag, isDryRun }: { readonly etag: string | undefined; readonly isDryRun: boolean },
  ): Promise<Policy> {
    await this.namespaces.require(ns);
    const record = await transact(this.index, {
      ns,
      reads: [keys.store.policy.key(ns)],
      *decide(tx) {
        const found = tx.get(keys.store.policy, ns);
        checkEtag(`the retention of ${ns}`, found ?? { revision: 0 }, etag);
        const changed: PolicyRecord = {
          ...(retention === undefined ? {} : { retention }),
          updateTime: tx.now,
          revision: (found?.revision ?? 0) + 1,
        };
        if (!isDryRun) tx.put(keys.store.policy, [ns], changed);
        return changed;
      },
    });
    return toPolicy(ns, record);
  }

  /**
   * Gives a page of sessions a retention. A dry run returns the result that the same change of all pages would have.
   *
   * @throws Failure NAMESPACE_NOT_FOUND, PAGE_TOKEN_INVALID; INVALID_ARGUMENT for the filter, or for one that finds
   * more sessions of a kind than a dry run can put in order.
   */
  async apply(by: Principal, ns: Namespace, application: Application): Promise<ApplicationPage> {
    const { filter, isDryRun, pageSize, pageToken } = application;
    const actor = { ...by, namespace: ns };
    const retention = application.retention ?? (await this.get(ns)).retention ?? { ttlMs: {} };
    const purpose = ['retention', application.retention ?? null];
    const page = await this.listing.sessions(actor, {
      filter,
      pageSize,
      pageToken,
      oldestFirst: false,
      purpose,
    });
    const lists = isDryRun
      ? await simulatedLists(this.index, this.listing, actor, { filter, retention, found: page.items })
      : undefined;
    const changes: RetentionChange[] = [];
    for (const { uid } of page.items)
      changes.push(...(await this.change(ns, uid as SessionUid, retention, lists)));
    return { changes, sessions: page.items.length, nextPageToken: page.nextPageToken };
  }

  private async change(
    ns: string,
    uid: SessionUid,
    retention: Retention,
    lists: KeptLists | undefined,
  ): Promise<RetentionChange[]> {
    return await transact(this.index, {
      ns,
      lapses: this.lapses,
      reads: [keys.sessions.record.key(ns, uid)],
      decide: (tx) => {
        if (lists === undefined) return decideChange(tx, uid, retention);
        const dryRun = tx.dryRun();
        for (const [kind, list] of lists)
          dryRun.put(keys.sessions.kept, keptKey(ns, kind), { sessions: list });
        return decideChange(dryRun, uid, retention);
      },
    });
  }
}

/** Changes the session and those that it displaces, and returns the changes. */
function* decideChange(tx: Tx, uid: SessionUid, retention: Retention): Asking<RetentionChange[]> {
  yield [keys.sessions.record.key(tx.ns, uid)];
  const found = tx.get(keys.sessions.record, tx.ns, uid);
  if (found === undefined || isOver(found, tx.now)) return [];
  if (hasLapsed(found, tx.now)) throw new SessionLapsed(found);
  if (sameRetention(found.retention ?? { ttlMs: {} }, retention)) return [];
  const { session, displaced } = yield* withRetention(tx, found, retention);
  const after = { ...session, retention };
  // A session that expires at once existed a moment ago.
  const left = isOver(after, tx.now) ? { leftTime: tx.now } : {};
  putSession(tx, found, { ...after, ...left, updateTime: tx.now, revision: found.revision + 1 });
  return [...displaced.map((one) => changeOf(one.before, one.after)), changeOf(found, after)];
}

function* withRetention(tx: Tx, found: SessionRecord, retention: Retention): Asking<Entered> {
  if (found.state === 'open') return { session: found, displaced: [] };
  const left = yield* leaveKept(tx, found);
  const { kept: _before, ...rest } = { ...left, retention };
  return yield* enterKept(tx, withExpiry(rest, undefined));
}

function changeOf(before: SessionRecord, after: SessionRecord): RetentionChange {
  return {
    session: before.id,
    before: before.expireTime,
    after: after.expireTime,
    artifacts: before.artifacts,
    bytes: before.bytes,
  };
}

function toPolicy(namespace: string, record: PolicyRecord | undefined): Policy {
  return {
    namespace,
    retention: record?.retention,
    updateTime: record?.updateTime,
    etag: etagOf(record ?? { revision: 0 }),
  };
}
