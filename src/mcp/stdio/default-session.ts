/** The session of one process: for pushes that name no session. */
import { ArtifactaError, type Reason } from '../../client/errors.ts';
import { keepLease } from '../../client/sessions/keep-lease.ts';
import type { Outcome, Session } from '../../client/sessions/session.ts';
import { generatedSession } from '../../client/sessions/session-id.ts';
import type { Store } from '../../client/store.ts';

/** How often a run of a host may go on in a session of its own, after the one before was sealed. */
const continuationsMax = 1_000;

interface DefaultSessionOptions {
  /** The id. Undefined: one is made. */
  readonly id: string | undefined;
  /** Whether the id is that of the run which this process is a part of: that run seals the session. Default false. */
  readonly isOfRun?: boolean | undefined;
  /** How long the session stays open after this process has died, in milliseconds. */
  readonly leaseMs: number;
  readonly now: () => Date;
  readonly random: () => number;
}

/** A session under the care of this process. */
interface Kept {
  readonly id: string;
  readonly store: Store;
  readonly stopRenewing: () => void;
}

/**
 * Opens a session with a lease when it is needed first, and renews the lease. A session that existed before belongs to
 * another program: it is joined, and never sealed from here.
 */
export class DefaultSession {
  private readonly options: DefaultSessionOptions;
  private opening: Promise<Kept> | undefined;
  /** Those that this process has opened, until they are released. */
  private own: Kept[] = [];
  private knownId: string | undefined;

  constructor(options: DefaultSessionOptions) {
    this.options = options;
  }

  /** The id, if it is given or was made. */
  get id(): string | undefined {
    return this.options.id ?? this.knownId;
  }

  /** Whether the id was given when the process started. Such a session stays the default. */
  get isGiven(): boolean {
    return this.options.id !== undefined;
  }

  /** The id, if the session is that of a run which this process is a part of, and which seals it. */
  get idOfRun(): string | undefined {
    const { id, isOfRun = false } = this.options;
    return isOfRun && !this.own.some((kept) => kept.id === id) ? id : undefined;
  }

  /**
   * Returns the id of the session, which is open then unless someone has sealed it since.
   *
   * @param metadata of a session that is opened now.
   */
  async open(store: Store, metadata: Readonly<Record<string, string>>): Promise<string> {
    this.opening ??= this.opened(store, metadata);
    return await this.openedNow();
  }

  /**
   * Makes a session with this name the default, and returns its id: the name, or the name with `.2`, `.3` and so on if
   * the sessions before are sealed. A session of that name that is open is taken into care.
   */
  async openNamed(store: Store, name: string, metadata: Readonly<Record<string, string>>): Promise<string> {
    this.opening = this.openedFor(store, name, metadata);
    return await this.openedNow();
  }

  /** The time that a lease lasts, in milliseconds. */
  get leaseMs(): number {
    return this.options.leaseMs;
  }

  /**
   * Makes another session the default. The one before stays open until the end.
   *
   * @param isOwn whether it was opened by this process.
   */
  adopt(store: Store, session: Session, isOwn: boolean): void {
    this.opening = Promise.resolve(this.kept(this.own, store, session, isOwn));
    this.knownId = session.id;
  }

  /**
   * Forgets the sessions that this process has opened, and returns what ends the care for them: it seals with an
   * outcome those that no one has sealed yet, or without an outcome leaves them to their leases.
   */
  release(): (outcome: Outcome | undefined) => Promise<void> {
    const { opening, own } = this;
    this.opening = undefined;
    this.knownId = undefined;
    this.own = [];
    return async (outcome) => {
      await opening?.catch(() => undefined);
      for (const { stopRenewing } of own) stopRenewing();
      if (outcome === undefined) return;
      await Promise.all(own.map(({ id, store }) => seal(store, id, outcome)));
    };
  }

  private async openedNow(): Promise<string> {
    const { opening } = this;
    try {
      const { id } = await opening!;
      if (this.opening === opening) this.knownId = id;
      return id;
    } catch (error) {
      if (this.opening === opening) this.opening = undefined;
      throw error;
    }
  }

  private async opened(store: Store, metadata: Readonly<Record<string, string>>): Promise<Kept> {
    const { own } = this;
    const { id: given, leaseMs, now, random } = this.options;
    const id = given ?? generatedSession(now(), random);
    const existing = given === undefined ? undefined : await sessionOrNone(store, given);
    if (existing !== undefined) return this.kept(own, store, existing, false);
    const { session, created } = await store.sessions.open(id, { leaseMs, metadata });
    return this.kept(own, store, session, created);
  }

  private async openedFor(
    store: Store,
    name: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Kept> {
    const { own } = this;
    const { leaseMs, now, random } = this.options;
    for (let at = 1; at <= continuationsMax; at++) {
      const id = at === 1 ? name : `${name}.${at}`;
      const existing = await sessionOrNone(store, id);
      if (existing?.state === 'open') return this.kept(own, store, existing, true);
      if (existing !== undefined) continue;
      try {
        const { session } = await store.sessions.open(id, { leaseMs, metadata });
        return this.kept(own, store, session, true);
      } catch (error) {
        // It has been deleted, or someone was faster.
        if (!hasReason(error, 'SESSION_GONE', 'SESSION_SEALED', 'SESSION_CONFLICT')) throw error;
      }
    }
    const { session } = await store.sessions.open(generatedSession(now(), random), { leaseMs, metadata });
    return this.kept(own, store, session, true);
  }

  private kept(own: Kept[], store: Store, { id, lease }: Session, isOwn: boolean): Kept {
    const known = own.find((one) => one.id === id);
    if (known !== undefined) return known;
    const renews = isOwn && lease !== undefined;
    const stopRenewing = renews ? keepLease(store.sessions, id, lease.durationMs) : () => {};
    const kept = { id, store, stopRenewing };
    if (isOwn) own.push(kept);
    return kept;
  }
}

async function seal(store: Store, id: string, outcome: Outcome): Promise<void> {
  try {
    await store.sessions.seal(id, outcome);
  } catch (error) {
    // Someone else has ended it, and that counts.
    if (!hasReason(error, 'OUTCOME_CONFLICT', 'SESSION_NOT_FOUND', 'SESSION_GONE')) throw error;
  }
}

/** Whether an error of the service has one of these reasons. */
export function hasReason(error: unknown, ...reasons: readonly Reason[]): boolean {
  return error instanceof ArtifactaError && error.reason !== undefined && reasons.includes(error.reason);
}

/** Returns a session; undefined if it does not exist. */
export async function sessionOrNone(
  store: Store,
  id: string,
  signal?: AbortSignal,
): Promise<Session | undefined> {
  try {
    return await store.sessions.get(id, { signal });
  } catch (error) {
    if (hasReason(error, 'SESSION_NOT_FOUND')) return undefined;
    throw error;
  }
}
