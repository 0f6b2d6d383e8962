/**
 * Sealing, in two steps. The fence is one small transaction: from then on nothing commits into the session. The
 * manifest is computed afterwards, from a snapshot, and stored. Until it is stored, nothing can be deleted from the
 * session. So every computation of the manifest has the same bytes as its result, also one after a crash.
 */
import { Buffer } from 'node:buffer';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { Failure } from '../../domain/errors.ts';
import type { SessionUid } from '../../domain/ids.ts';
import type { SessionId } from '../../domain/names.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { type Principal, requireWholeSessions } from '../../domain/principal.ts';
import type { Session } from '../../domain/session.ts';
import { type After, afterRealTime } from '../../domain/timer.ts';
import type { Asking, Index, Reader, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { soleOwner } from '../../index/owners.ts';
import type { SessionRecord } from '../../index/records.ts';
import { ContentWriter } from '../contents/content-writer.ts';
import type { Contents } from '../contents/contents.ts';
import { physicalName } from '../contents/physical-name.ts';
import { publishAndCommit } from '../contents/publish.ts';
import { changeableSession } from '../look/session.ts';
import { attach, blobReads, discardCopy } from '../rows/blob-rows.ts';
import type { Content } from '../rows/content.ts';
import { checkEtag, sealPending, sessionLost } from '../rows/failures.ts';
import { isHere } from '../rows/here.ts';
import { hasLapsed } from '../rows/session-life.ts';
import { outputsOf, putSession, readSessions, toSession } from '../rows/session-rows.ts';
import { contentObserver, type OnStep } from '../rows/steps.ts';
import { transact } from '../rows/transaction.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { enterKept } from './kept-sessions.ts';
import { Lapses } from './lapses.ts';
import { manifestLines } from './manifest.ts';
import { PendingSeals } from './pending-seals.ts';

interface SealsOptions {
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly contents: Contents;
  readonly namespaces: Namespaces;
  readonly inlineBytesMax: number;
  readonly onStep: OnStep | undefined;
  /** Returns true if time may be wrong: lapses then wait. */
  readonly isClockSuspect: () => boolean;
  /** Default: real time. */
  readonly after?: After;
}

/** The result of a seal. */
export interface SealResult {
  readonly session: Session;
  /** True: the session was sealed before, with the same outcome. */
  readonly alreadySealed: boolean;
}

/** Seals sessions of the caller’s namespace, and finishes the seals that a stop interrupted. */
export class Seals {
  private readonly options: SealsOptions;
  private readonly pending: PendingSeals;
  readonly lapses: Lapses;

  constructor(options: SealsOptions) {
    this.options = options;
    this.pending = new PendingSeals(options.after ?? afterRealTime, async (ns, uid) => {
      // A process that takes the namespace finishes its seals.
      if (await isHere(options.index, ns)) await this.complete(ns, uid as SessionUid);
    });
    this.lapses = new Lapses(options.index, options.isClockSuspect, (ns, uid) => this.sealLapsed(ns, uid));
    options.index.owners.onTaken((ns) => {
      // What cannot be read now is tried again when the session is asked for, or when its lease is due.
      if (ns !== '') void this.finishPending(ns).catch(() => undefined);
    });
  }

  /**
   * Resolves when the manifest is stored.
   *
   * @param signal ends the waiting, not the seal: the caller gets SEAL_PENDING.
   * @throws Failure SESSION_NOT_FOUND, OUTCOME_CONFLICT, ETAG_MISMATCH, SEAL_PENDING.
   */
  async seal(
    principal: Principal,
    id: SessionId,
    outcome: Outcome,
    options: { readonly etag?: string; readonly signal?: AbortSignal } = {},
  ): Promise<SealResult> {
    const ns = principal.namespace;
    const { index, namespaces } = this.options;
    await namespaces.require(ns);
    requireWholeSessions(principal);
    const wanted = { id, outcome, etag: options.etag };
    const fenced = await transact(index, {
      ns,
      by: principal,
      lapses: this.lapses,
      reads: [keys.sessions.name.key(ns, id)],
      decide: (tx) => decideFence(tx, principal, wanted),
    });
    await this.options.onStep?.('seal.fenced');
    if (fenced.session !== undefined) return { session: fenced.session, alreadySealed: true };
    const completing = this.complete(ns, fenced.uid).catch((error: unknown) => {
      this.pending.retry(ns, fenced.uid);
      throw error;
    });
    const session = await unlessAborted(completing, options.signal, () => sealPending(id));
    return { session, alreadySealed: fenced.alreadyFenced };
  }

  /**
   * Seals a session as of the lapse of its lease, and resolves when it is sealed; false if the lease has not lapsed.
   */
  private async sealLapsed(ns: string, uid: SessionUid): Promise<boolean> {
    const isFenced = await transact(this.options.index, {
      ns,
      reads: [keys.sessions.record.key(ns, uid)],
      *decide(tx) {
        const found = tx.get(keys.sessions.record, ns, uid);
        if (found === undefined || !hasLapsed(found, tx.now)) return found?.state === 'sealing';
        yield* fence(tx, found, { outcome: 'abandoned', sealTime: found.lease!.expireTime });
        return true;
      },
    });
    await this.options.onStep?.('seal.fenced');
    if (!isFenced) return false;
    await this.complete(ns, uid).catch((error: unknown) => {
      this.pending.retry(ns, uid);
      throw error;
    });
    return true;
  }

  /**
   * Finishes the seals that a stop, or a change of owner, interrupted; those that cannot be finished now are tried again
   * later. Seals of namespaces that other processes own are left to them.
   *
   * @param ns undefined: all namespaces. Returns the number of these seals.
   */
  async finishPending(ns?: string): Promise<number> {
    const { index } = this.options;
    const { pendingSeal } = keys.sessions;
    let count = 0;
    for await (const block of index.scan(ns === undefined ? pendingSeal.range() : pendingSeal.range(ns))) {
      for (const [key] of block) {
        const [of, uid] = pendingSeal.parse(key);
        if (this.pending.isClosed || !(await isHere(index, of))) continue;
        await this.complete(of, uid).catch(() => this.pending.retry(of, uid));
        count++;
      }
    }
    return count;
  }

  /**
   * Finishes the seals of a process that ended without a word, as soon as their namespaces have other owners. A process
   * that has the store for itself has finished all when it started.
   */
  async finishLeft(): Promise<void> {
    if (this.options.index.owners !== soleOwner) await this.finishPending();
  }

  /** Ends the retries. */
  close(): void {
    this.pending.close();
  }

  /**
   * Computes and stores the manifest of a fenced session. Any number of these may run at once: all have the same
   * result.
   */
  private async complete(ns: string, uid: SessionUid): Promise<Session> {
    const { index, blobs, contents, namespaces, inlineBytesMax, onStep } = this.options;
    const { internalId } = await namespaces.require(ns as Principal['namespace']);
    const mintName = () => physicalName(internalId);
    const observer = contentObserver('manifest', onStep);
    await using writer = new ContentWriter({ blobs, inlineBytesMax, mintName, onStep: observer });
    await using snapshot = index.snapshot();
    const value = await snapshot.get(keys.sessions.record.key(ns, uid));
    if (value === undefined) throw sessionLost(uid);
    const record = keys.sessions.record.decode(value);
    const [session] = await readSessions(snapshot, ns, [record], index.now());
    if (record.state === 'sealed') return session!;
    const produced = await writeManifest(snapshot, ns, record, session!.expectedOutputs, writer);
    const publishing = { index, contents, ns, isSecretive: false };
    const sealed = await publishAndCommit(publishing, writer, (content) =>
      transact(index, {
        ns,
        reads: [
          keys.sessions.record.key(ns, uid),
          keys.sessions.outputs.key(ns, uid),
          ...blobReads(ns, content),
        ],
        bytesHint: 4096 + (content.kind === 'inline' ? content.size : 0),
        decide: (tx) => decideSealed(tx, uid, content, produced),
      }),
    );
    await onStep?.('seal.sealed');
    return sealed;
  }
}

/** Returns the promise's result, unless the signal is aborted first: then the promise goes on alone. */
async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  failure: () => Failure,
): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(failure());
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

interface Fence {
  readonly id: SessionId;
  readonly outcome: Outcome;
  readonly etag: string | undefined;
}

type Fenced =
  | { readonly session: Session }
  | { readonly session?: undefined; readonly uid: SessionUid; readonly alreadyFenced: boolean };

function* decideFence(tx: Tx, by: Principal, { id, outcome, etag }: Fence): Asking<Fenced> {
  const found = yield* changeableSession(tx, by, id, tx.now);
  if (found.state !== 'open') {
    if (found.outcome !== outcome) throw sealedOtherwise(found);
    if (found.state === 'sealing') return { uid: found.uid, alreadyFenced: true };
    return { session: toSession(found, yield* outputsOf(tx, tx.ns, found)) };
  }
  checkEtag(`session ${id}`, found, etag);
  yield* fence(tx, found, { outcome, sealTime: tx.now });
  return { uid: found.uid, alreadyFenced: false };
}

/** Ends commits into the session, and decides its expiry. */
function sealedOtherwise({ id, outcome }: SessionRecord): Failure {
  const next =
    outcome === 'abandoned'
      ? 'its real outcome can be recorded once, with AmendOutcome or "artifacta session amend"'
      : 'a sealed session cannot get another outcome';
  const message = `session ${id} was already sealed, with the outcome ${outcome}; ${next}`;
  return new Failure('OUTCOME_CONFLICT', message, { metadata: { session: id, outcome: outcome ?? '' } });
}

function* fence(
  tx: Tx,
  found: SessionRecord,
  end: { readonly outcome: Outcome; readonly sealTime: number },
): Asking<void> {
  const { session } = yield* enterKept(tx, { ...found, ...end });
  putSession(tx, found, {
    ...session,
    state: 'sealing',
    updateTime: tx.now,
    revision: found.revision + 1,
  });
  tx.put(keys.sessions.pendingSeal, [tx.ns, found.uid], true);
}

interface Produced {
  readonly lines: number;
  readonly missingOutputs: readonly string[];
}

function* decideSealed(tx: Tx, uid: SessionUid, content: Content, produced: Produced): Asking<Session> {
  const { ns } = tx;
  const found = tx.get(keys.sessions.record, ns, uid);
  if (found === undefined) throw sessionLost(uid);
  const outputs = yield* outputsOf(tx, ns, found);
  if (found.state === 'sealed') {
    yield* discardCopy(tx, content);
    return toSession(found, outputs);
  }
  yield* attach(tx, content, { kind: 'manifest', id: uid });
  const record: SessionRecord = {
    ...found,
    state: 'sealed',
    feed: found.feed + 1,
    manifest: { sha256: content.sha256, size: content.size, lines: produced.lines },
    updateTime: tx.now,
    revision: found.revision + 1,
  };
  const after = found.hasOutputs ? { expected: outputs.expected, missing: produced.missingOutputs } : outputs;
  if (found.hasOutputs) tx.put(keys.sessions.outputs, [ns, uid], after);
  putSession(tx, found, record);
  tx.put(keys.artifacts.feed, [ns, uid, record.feed], { kind: 'sealed', outcome: record.outcome! });
  tx.del(keys.sessions.pendingSeal, ns, uid);
  return toSession(record, after);
}

async function writeManifest(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  expected: readonly string[],
  writer: ContentWriter,
): Promise<Produced> {
  const missing = new Set(expected);
  let lines = 0;
  for await (const block of manifestLines(reader, ns, session)) {
    for (const record of block.records) missing.delete(record.name);
    lines += block.records.length;
    await writer.write(Buffer.from(block.text));
  }
  return { lines, missingOutputs: [...missing] };
}
