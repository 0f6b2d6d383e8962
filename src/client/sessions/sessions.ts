import { create } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { Durability } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { fieldIgnored } from '../errors.ts';
import { type CallSettings, type Calls, onceIf, unary } from '../wire/calls.ts';
import { type Explanation, explanationFrom } from '../wire/explanation.ts';
import { orderOf, type PageOptions, paged } from '../wire/pages.ts';
import { durationOf } from '../wire/times.ts';
import { type CompareOptions, compareSessions, type Difference } from './comparison.ts';
import { type ManifestLine, manifestLines } from './manifest.ts';
import { retentionMessage } from './retention-message.ts';
import { type Outcome, outcomeMessage, type Retention, type Session, sessionFrom } from './session.ts';
import {
  type SessionEvent,
  type WaitOptions,
  type WatchOptions,
  waitForSeal,
  watchSession,
} from './watch.ts';

/** The properties of a session to open. */
export interface OpenOptions extends CallSettings {
  /** Inherited by its artifacts; immutable once set. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Default: the namespace's policy. Empty: no limit. */
  readonly retention?: Retention | undefined;
  /**
   * Seals the session as abandoned when its lease is not renewed for this long: 10 seconds to 30 days. Default: no
   * lease.
   */
  readonly leaseMs?: number | undefined;
  /** Names that the run is expected to produce, at most 256. */
  readonly expectedOutputs?: readonly string[] | undefined;
}

/** The sessions to list. */
export interface SessionQuery extends PageOptions {
  /** E.g. `metadata.pipeline = "billing" AND session.outcome = "FAILED"`. Default: all. */
  readonly filter?: string | undefined;
}

/** The changes to make; a field that is not given stays. */
export interface SessionChanges extends CallSettings {
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Replaces the retention; null means no limit. Only while the session is open. */
  readonly retention?: Retention | null;
  /** Renews the lease. Default false. */
  readonly touch?: boolean;
  /** Only if it still has this etag. */
  readonly etag?: string;
}

/** What a seal outlasts when `seal` returns. */
export interface SealOptions extends CallSettings {
  /**
   * `local`: a crash of the service and a loss of power. `shipped`: also the loss of the volume of the service; its
   * reason EXPORT_NOT_CONFIGURED says that the service cannot do this, and SEAL_PENDING that it has not yet, after all
   * tries. Default: what the service is set to.
   */
  readonly durability?: 'local' | 'shipped' | undefined;
}

/** The sessions of the namespace. All methods throw ArtifactaError. */
export class Sessions {
  private readonly calls: Calls;

  /** @internal */
  constructor(calls: Calls) {
    this.calls = calls;
  }

  /** Opens a session, or returns the existing one that has these settings. A push opens one by itself. */
  async open(session: string, options: OpenOptions = {}): Promise<{ session: Session; created: boolean }> {
    const request = {
      session,
      metadata: { ...options.metadata },
      labels: { ...options.labels },
      expectedOutputs: [...(options.expectedOutputs ?? [])],
      ...(options.retention === undefined ? {} : { retention: retentionMessage(options.retention) }),
      ...(options.leaseMs === undefined ? {} : { lease: durationOf(options.leaseMs) }),
    };
    const answer = await unary(this.calls, options, (call) => this.calls.sessions.openSession(request, call));
    return { session: sessionFrom(answer.session), created: answer.created };
  }

  async get(session: string, settings: CallSettings = {}): Promise<Session> {
    const answer = await unary(this.calls, settings, (call) =>
      this.calls.sessions.getSession({ session }, call),
    );
    return sessionFrom(answer.session);
  }

  /** Lists sessions, newest first by default, one page in memory at a time. */
  list(query: SessionQuery = {}): AsyncGenerator<Session, void, void> {
    return paged(query, async (pageSize, pageToken) => {
      const order = orderOf(query);
      const request = { filter: query.filter ?? '', order, pageSize, pageToken };
      const answer = await unary(this.calls, query, (call) =>
        this.calls.sessions.listSessions(request, call),
      );
      return { items: answer.sessions.map(sessionFrom), nextPageToken: answer.nextPageToken };
    });
  }

  /** Returns how a query is understood and what its first page costs. */
  async explain(query: SessionQuery): Promise<Explanation> {
    const request = { filter: query.filter ?? '', order: orderOf(query), explain: true };
    const answer = await unary(this.calls, query, (call) => this.calls.sessions.listSessions(request, call));
    return explanationFrom(answer.explanation!);
  }

  async update(session: string, changes: SessionChanges): Promise<Session> {
    const paths: string[] = [];
    if (changes.labels !== undefined) paths.push('labels');
    if (changes.retention !== undefined) paths.push('retention');
    const retention = changes.retention ? { retention: retentionMessage(changes.retention) } : {};
    const request = {
      session,
      changes: { labels: { ...changes.labels }, ...retention },
      updateMask: create(FieldMaskSchema, { paths }),
      etag: changes.etag ?? '',
      touch: changes.touch ?? false,
    };
    const answer = await onceIf(changes.etag !== undefined, this.calls, changes, (call) =>
      this.calls.sessions.updateSession(request, call),
    );
    return sessionFrom(answer.session);
  }

  /** Ends a session: nothing is committed to it afterwards. Sealing again with the same outcome changes nothing. */
  async seal(
    session: string,
    outcome: Outcome,
    options: SealOptions = {},
  ): Promise<{ session: Session; alreadySealed: boolean }> {
    const durability = durabilities[options.durability ?? 'default'];
    const request = { session, outcome: outcomeMessage(outcome), durability };
    const answer = await unary(this.calls, options, (call) => this.calls.sessions.sealSession(request, call));
    if (options.durability === 'shipped' && answer.durability !== Durability.SHIPPED)
      throw fieldIgnored('durability', { harm: `${session} is sealed, but ` });
    return { session: sessionFrom(answer.session), alreadySealed: answer.alreadySealed };
  }

  /** Compares a session with another, by the names of their live latest versions, one page in memory at a time. */
  compare(
    baseSession: string,
    session: string,
    options: CompareOptions = {},
  ): AsyncGenerator<Difference, void, void> {
    return compareSessions(this.calls, baseSession, session, options);
  }

  /** Records how an abandoned session really ended. This works once; recording the same again changes nothing. */
  async amend(
    session: string,
    outcome: Exclude<Outcome, 'abandoned'>,
    settings: CallSettings = {},
  ): Promise<Session> {
    const request = { session, outcome: outcomeMessage(outcome) };
    const answer = await unary(this.calls, settings, (call) =>
      this.calls.sessions.amendOutcome(request, call),
    );
    return sessionFrom(answer.session);
  }

  /** Deletes a session and all its artifacts forever. False: nothing existed to delete. */
  async delete(session: string, options: CallSettings & { readonly etag?: string } = {}): Promise<boolean> {
    const request = { session, etag: options.etag ?? '' };
    const answer = await onceIf(options.etag !== undefined, this.calls, options, (call) =>
      this.calls.sessions.deleteSession(request, call),
    );
    return answer.deleted;
  }

  /** Yields the events of a session, from any sequence of its feed on, until it is sealed. See {@link watchSession}. */
  watch(session: string, options: WatchOptions = {}): AsyncGenerator<SessionEvent, void, void> {
    return watchSession(this.calls, session, options);
  }

  /** Returns the session once it is sealed; code DEADLINE_EXCEEDED if that is not in time. */
  wait(session: string, options: WaitOptions = {}): Promise<Session> {
    return waitForSeal(this.calls, session, options);
  }

  /** Yields the lines of what a sealed session contained; the digest is checked at the end (code DATA_LOSS). */
  manifest(session: string, settings: CallSettings = {}): AsyncGenerator<ManifestLine, void, void> {
    return manifestLines(this.calls, session, settings);
  }
}

const durabilities = {
  default: Durability.UNSPECIFIED,
  local: Durability.LOCAL,
  shipped: Durability.SHIPPED,
} as const;
