/**
 * Sealing, in two steps. The fence is one small transaction: from then on nothing commits into the session. The
 * manifest is computed from a snapshot after it and stored; until it is, nothing can be deleted from the session, so
 * that every computation of it, also one after a crash, gives the same bytes.
 */
import { Buffer } from 'node:buffer';
import type { BlobStore } from '../blobs/blob-store.ts';
import { Failure } from '../domain/errors.ts';
import type { SessionUid } from '../domain/ids.ts';
import type { SessionId } from '../domain/names.ts';
import type { Principal } from '../domain/principal.ts';
import type { Outcome, Session } from '../domain/session.ts';
import type { Env, Index, Reader } from '../index/door.ts';
import { artifacts, sessions } from '../index/keys.ts';
import type { SessionRecord } from '../index/records.ts';
import { attach, blobReads, discardCopy } from './blob-rows.ts';
import { type Content, ContentWriter } from './content-writer.ts';
import { checkEtag, sessionNotFound } from './failures.ts';
import { manifestLines } from './manifest.ts';
import type { Namespaces } from './namespaces.ts';
import { physicalName } from './physical-name.ts';
import { requireSession, toSession } from './session-rows.ts';
import { type Draft, type Rows, transact } from './transaction.ts';

export interface SealsOptions {
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly namespaces: Namespaces;
  readonly inlineBytesMax: number;
}

/** What a seal answers. */
export interface SealResult {
  readonly session: Session;
  /** It was sealed before, with the same outcome. */
  readonly alreadySealed: boolean;
}

export class Seals {
  private readonly options: SealsOptions;

  constructor(options: SealsOptions) {
    this.options = options;
  }

  /** Resolves when the manifest is stored. @throws Failure SESSION_NOT_FOUND, OUTCOME_CONFLICT, ETAG_MISMATCH. */
  async seal(principal: Principal, id: SessionId, outcome: Outcome, etag?: string): Promise<SealResult> {
    const ns = principal.namespace;
    const { index, namespaces } = this.options;
    await namespaces.require(ns);
    const fenced = await transact(index, {
      queue: ns,
      reads: [sessions.name.key(ns, id)],
      decide: (rows, draft, env) => decideFence(ns, { id, outcome, etag }, rows, draft, env),
    });
    if (fenced.record.state === 'sealed') return { session: toSession(fenced.record), alreadySealed: true };
    const record = await this.complete(ns, fenced.record.uid);
    return { session: toSession(record), alreadySealed: fenced.alreadyFenced };
  }

  /** Finishes the seals that a stop interrupted. Returns how many there were. */
  async finishPending(): Promise<number> {
    let count = 0;
    for await (const block of this.options.index.scan(sessions.pendingSeal.range())) {
      for (const [key] of block) {
        const [ns, uid] = sessions.pendingSeal.parse(key);
        await this.complete(ns, uid);
        count++;
      }
    }
    return count;
  }

  /** Computes and stores the manifest of a fenced session. Any number of these may run at once: all give the same. */
  private async complete(ns: string, uid: SessionUid): Promise<SessionRecord> {
    const { index, blobs, namespaces, inlineBytesMax } = this.options;
    const { internalId } = await namespaces.require(ns as Principal['namespace']);
    await using writer = new ContentWriter({
      blobs,
      inlineBytesMax,
      mintName: () => physicalName(internalId),
    });
    await using snapshot = index.snapshot();
    const session = await readSession(snapshot, ns, uid);
    if (session.state === 'sealed') return session;
    const produced = await writeManifest(snapshot, ns, session, writer);
    writer.finish();
    const content = await writer.publish();
    return await transact(index, {
      queue: ns,
      reads: [sessions.record.key(ns, uid), ...blobReads(ns, content)],
      bytesHint: 4096 + (content.kind === 'inline' ? content.size : 0),
      decide: (rows, draft, env) => decideSealed(ns, uid, content, produced, rows, draft, env),
    });
  }
}

interface Fence {
  readonly id: SessionId;
  readonly outcome: Outcome;
  readonly etag: string | undefined;
}

function decideFence(ns: string, { id, outcome, etag }: Fence, rows: Rows, draft: Draft, env: Env) {
  const found = requireSession(rows, ns, id);
  if (found.state !== 'open') {
    if (found.outcome === outcome) return { record: found, alreadyFenced: true };
    throw new Failure('OUTCOME_CONFLICT', `session ${id} is sealed with the outcome ${found.outcome}`, {
      metadata: { session: id, outcome: found.outcome ?? '' },
    });
  }
  checkEtag(`session ${id}`, found, etag);
  const record: SessionRecord = {
    ...found,
    state: 'sealing',
    outcome,
    sealTime: env.now,
    updateTime: env.now,
    revision: found.revision + 1,
  };
  draft.put(sessions.record, [ns, found.uid], record);
  draft.put(sessions.pendingSeal, [ns, found.uid], true);
  return { record, alreadyFenced: false };
}

interface Produced {
  readonly lines: number;
  readonly missingOutputs: readonly string[];
}

function decideSealed(
  ns: string,
  uid: SessionUid,
  content: Content,
  produced: Produced,
  rows: Rows,
  draft: Draft,
  env: Env,
): SessionRecord {
  const found = rows.get(sessions.record, ns, uid);
  if (found === undefined)
    throw new Failure('DATA_LOSS', 'the record of a session that is being sealed is gone');
  if (found.state === 'sealed') {
    discardCopy(rows, draft, ns, content, env.now);
    return found;
  }
  attach(rows, draft, ns, content, { kind: 'manifest', id: uid }, env.now);
  const record: SessionRecord = {
    ...found,
    state: 'sealed',
    feed: found.feed + 1,
    missingOutputs: produced.missingOutputs,
    manifest: { sha256: content.sha256, size: content.size, lines: produced.lines },
    updateTime: env.now,
    revision: found.revision + 1,
  };
  draft.put(sessions.record, [ns, uid], record);
  draft.put(artifacts.feed, [ns, uid, record.feed], { kind: 'sealed', outcome: record.outcome! });
  draft.del(sessions.pendingSeal, ns, uid);
  return record;
}

async function readSession(reader: Reader, ns: string, uid: SessionUid): Promise<SessionRecord> {
  const value = await reader.get(sessions.record.key(ns, uid));
  if (value === undefined) throw sessionNotFound(uid);
  return sessions.record.decode(value);
}

async function writeManifest(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  writer: ContentWriter,
): Promise<Produced> {
  const missing = new Set(session.expectedOutputs);
  let lines = 0;
  for await (const block of manifestLines(reader, ns, session)) {
    for (const record of block.records) missing.delete(record.name);
    lines += block.records.length;
    await writer.write(Buffer.from(block.text));
  }
  return { lines, missingOutputs: [...missing] };
}
