/** The session of one process: for pushes that name no session. */
import { ArtifactaError } from '../client/errors.ts';
import { keepLease } from '../client/sessions/keep-lease.ts';
import type { Session } from '../client/sessions/session.ts';
import { generatedSession } from '../client/sessions/session-id.ts';
import type { Store } from '../client/store.ts';

interface DefaultSessionOptions {
  /** The id. Undefined: one is made. */
  readonly id: string | undefined;
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
  /** Those that this process has opened. */
  private readonly own: Kept[] = [];
  private knownId: string | undefined;

  constructor(options: DefaultSessionOptions) {
    this.options = options;
  }

  /** The id, if it is given or was made. */
  get id(): string | undefined {
    return this.options.id ?? this.knownId;
  }

  /**
   * Returns the id of the session, which is open then unless someone has sealed it since.
   *
   * @param metadata of a session that is opened now.
   */
  async open(store: Store, metadata: Readonly<Record<string, string>>): Promise<string> {
    this.opening ??= this.opened(store, metadata);
    try {
      const { id } = await this.opening;
      this.knownId = id;
      return id;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
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
    if (this.own.some(({ id }) => id === session.id)) isOwn = false;
    this.opening = Promise.resolve(this.kept(store, session, isOwn));
    this.knownId = session.id;
  }

  /**
   * Ends the care. Seals, as succeeded, the sessions that this process has opened and no one has sealed yet.
   *
   * @param inOrder false: they are left to their leases.
   */
  async end(inOrder: boolean): Promise<void> {
    await this.opening?.catch(() => undefined);
    for (const { stopRenewing } of this.own) stopRenewing();
    if (!inOrder) return;
    await Promise.all(this.own.map(({ id, store }) => seal(store, id)));
  }

  private async opened(store: Store, metadata: Readonly<Record<string, string>>): Promise<Kept> {
    const { id: given, leaseMs, now, random } = this.options;
    const id = given ?? generatedSession(now(), random);
    const existing = given === undefined ? undefined : await sessionOrNone(store, given);
    if (existing !== undefined) return this.kept(store, existing, false);
    const { session, created } = await store.sessions.open(id, { leaseMs, metadata });
    return this.kept(store, session, created);
  }

  private kept(store: Store, { id, lease }: Session, isOwn: boolean): Kept {
    const renews = isOwn && lease !== undefined;
    const stopRenewing = renews ? keepLease(store.sessions, id, lease.durationMs) : () => {};
    const kept = { id, store, stopRenewing };
    if (isOwn) this.own.push(kept);
    return kept;
  }
}

async function seal(store: Store, id: string): Promise<void> {
  try {
    await store.sessions.seal(id, 'succeeded');
  } catch (error) {
    // Someone else has ended it, and that counts.
    const reason = error instanceof ArtifactaError ? error.reason : undefined;
    if (!(['OUTCOME_CONFLICT', 'SESSION_NOT_FOUND', 'SESSION_GONE'] as unknown[]).includes(reason))
      throw error;
  }
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
    if (error instanceof ArtifactaError && error.reason === 'SESSION_NOT_FOUND') return undefined;
    throw error;
  }
}
