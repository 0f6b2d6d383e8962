/**
 * Writes a generated store into a data directory, with the store's own encoders and past its door: a commit a batch
 * would take hours for millions. What it leaves is what pushes would have left (`artifacta fsck` says so), compacted.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { isExpired } from '../../src/domain/expiry.ts';
import { limits } from '../../src/domain/limits.ts';
import { parseSessionId } from '../../src/domain/names.ts';
import { Decision } from '../../src/index/engine/decision.ts';
import { encodeWrite } from '../../src/index/engine/stored-row.ts';
import type { Family } from '../../src/index/family.ts';
import { keys } from '../../src/index/keys.ts';
import type { ByteLevel } from '../../src/index/leveldb/leveldb.ts';
import type { UsageRecord } from '../../src/index/records.ts';
import type { Write } from '../../src/index/row.ts';
import { openEmbedded } from '../../src/programs/data-directory.ts';
import { defaultNamespace as ns } from '../../src/store/open.ts';
import { putArtifact, putDerived } from '../../src/store/rows/artifact-rows.ts';
import { createSession } from '../../src/store/rows/session-rows.ts';
import { Draft } from '../../src/store/rows/transaction.ts';
import { noUsage, plus, usageShard } from '../../src/store/rows/usage.ts';
import type { GeneratedArtifact, GeneratedSession, StoreGenerator } from './generate.ts';
import { anchorMs, marks } from './shape.ts';

/** What was written, counted while it was. */
export interface Census {
  readonly artifacts: number;
  readonly sessions: number;
  /** The latest version of their name and, as of the anchor, not expired. */
  readonly live: number;
  /** Also those that have expired: what the lists of latest versions hold. */
  readonly latest: number;
  readonly rows: number;
  /** Of the lists of `shape.marks`, how long they are. */
  readonly marks: Readonly<Record<string, number>>;
}

// biome-ignore lint/suspicious/noExplicitAny: a family of any columns and values
type AnyFamily = Family<any, any>;

/**
 * The families that are written together; the store is gone over once for each of these, and once for all others.
 * What follows each other in time lies together in most families, so that LevelDB has little to merge as long as only
 * few of them are written; drawing the store once more costs about as much as writing one of them.
 */
const passes: readonly (readonly AnyFamily[])[] = [
  [keys.artifacts.record],
  [keys.artifacts.head, keys.artifacts.version, keys.artifacts.feed],
  [keys.latest.byTime, keys.latest.bySession],
  [keys.latest.byName, keys.latest.byType],
  [keys.latest.byMetadata],
  [keys.blobs.reference],
];

const MiB = 1024 * 1024;
/** The service's own, so that the tables are those that it would have made. */
const tableBytes = 16 * MiB;
const writeBufferBytes = 256 * MiB;

/**
 * Fills `dataDir`, which must not exist. @param say told how far it is.
 */
export async function loadStore(
  dataDir: string,
  generator: StoreGenerator,
  say: (message: string) => void,
): Promise<Census> {
  await makeEmptyStore(dataDir);
  const level = await openLevel(dataDir);
  try {
    const writer = new BulkWriter(level);
    const counts = new Counts();
    const written = new Set(passes.flat().map(({ code }) => code));
    for (const families of passes) {
      say(`writing ${families.map(({ name }) => name).join(', ')}`);
      const codes = new Set(families.map(({ code }) => code));
      const draft = new ChoosyDraft((code) => codes.has(code));
      for (const session of generator.sessions()) {
        putSession(draft, session);
        await writer.add(draft.take());
      }
    }
    say('writing all other families');
    const draft = new ChoosyDraft((code) => !written.has(code));
    for (const session of generator.sessions()) {
      counts.add(session);
      putSession(draft, session);
      await writer.add(draft.take());
    }
    putContents(draft, generator, counts);
    for (const [shard, usage] of counts.usage) draft.put(keys.calls.usage, [ns, shard], usage);
    await writer.add(draft.take());
    await writer.flush();
    say('compacting');
    await compact(level);
    return counts.census(writer.rows);
  } finally {
    await level.close();
  }
}

/** Merges all tables of a store that nobody has open. */
export async function compactStore(dataDir: string): Promise<void> {
  const level = await openLevel(dataDir);
  try {
    await compact(level);
  } finally {
    await level.close();
  }
}

async function openLevel(dataDir: string): Promise<ByteLevel> {
  const level = new Level<Uint8Array, Uint8Array>(join(dataDir, 'index'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    writeBufferSize: writeBufferBytes,
    maxFileSize: tableBytes,
  }) as ByteLevel;
  await level.open();
  return level;
}

function compact(level: ByteLevel): Promise<void> {
  return level.compactRange(Uint8Array.of(0), Uint8Array.of(0xff));
}

/** The service makes it: with the namespace `default`, its settings, the ring of commits and the mark. */
async function makeEmptyStore(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { close } = await openEmbedded({
    dataDir,
    artifactBytesMax: limits.artifactBytesMaxDefault,
    inlineBytesMax: limits.inlineContentBytesMaxDefault,
    reserveBytes: 0,
    warn: (message) => process.stderr.write(`${message}\n`),
  });
  await close();
}

/** Everything that a session and its artifacts consist of, but for contents and usage, which are shared. */
function putSession(
  draft: Draft,
  { id, uidBytes, createTime, metadata, artifacts: all }: GeneratedSession,
): void {
  const env = { now: createTime, mintId: () => uidBytes, random: unused };
  const wanted = { id: parseSessionId('id', id), implicit: false, metadata, labels: [] };
  const decision = new Decision({ ns, reads: [], decide: (tx) => createSession(tx, wanted) }, env);
  // Nothing is there yet.
  while (decision.goOn() !== undefined) decision.load(() => undefined);
  const { result: record, writes } = decision.outcome;
  for (const write of writes.values()) draft.write(write);
  draft.put(keys.sessions.record, [ns, record.uid], {
    ...record,
    feed: all.length,
    artifacts: all.length,
    bytes: bytesOf(all),
    holds: all.filter((artifact) => artifact.record.hold).length,
  });
  for (const artifact of all) putOne(draft, artifact);
}

function putOne(draft: Draft, { record, isLatest }: GeneratedArtifact): void {
  draft.put(keys.blobs.reference, [ns, record.sha256, 'artifact', record.id], true);
  if (isLatest) {
    putArtifact(draft, record);
    const head = { nextVersion: record.version + 1, latest: record.id };
    draft.put(keys.artifacts.head, [ns, record.uid, record.name], head);
  } else {
    draft.put(keys.artifacts.record, [ns, record.id], record);
    putDerived(draft, record);
  }
}

function putContents(draft: Draft, { contents }: StoreGenerator, { references }: Counts): void {
  for (const [at, { sha256, bytes }] of contents.entries()) {
    const refs = references.get(sha256);
    if (refs === undefined) continue;
    const bytesTime = anchorMs - contents.length + at;
    draft.put(keys.blobs.record, [ns, sha256], { size: bytes.length, bytesTime, refs });
    draft.put(keys.blobs.bytesByTime, [bytesTime, ns, sha256], bytes);
  }
}

function unused(): never {
  throw new Error('nothing random is needed');
}

function bytesOf(all: readonly GeneratedArtifact[]): number {
  return all.reduce((sum, { record }) => sum + record.size, 0);
}

/** Encodes rows of some families, as they are stored, and passes over those of others. */
class ChoosyDraft extends Draft {
  private readonly wants: (code: number) => boolean;

  /** @param wants by the first byte of a family's keys. */
  constructor(wants: (code: number) => boolean) {
    super(ns);
    this.wants = wants;
  }

  override put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void {
    if (this.wants(family.code)) super.put(family, parts, value);
  }

  override write(write: Write): void {
    if (this.wants(write.key[0]!)) super.write(encodeWrite(write));
  }

  take(): Write[] {
    return this.writes.splice(0);
  }
}

/** Writes without waiting for the disk: a load that is broken off begins anew. One batch is under way while the next is made. */
class BulkWriter {
  rows = 0;
  private readonly level: ByteLevel;
  private pending: Write[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(level: ByteLevel) {
    this.level = level;
  }

  async add(writes: readonly Write[]): Promise<void> {
    for (const write of writes) this.pending.push(write);
    if (this.pending.length >= batchRows) await this.write();
  }

  private async write(): Promise<void> {
    const batch = this.pending;
    this.pending = [];
    this.rows += batch.length;
    await this.writing;
    this.writing = this.level.batch(batch, { sync: false });
  }

  async flush(): Promise<void> {
    await this.write();
    await this.writing;
  }
}

const batchRows = 20_000;

/** What is known only when everything was seen. */
class Counts {
  readonly references = new Map<string, number>();
  readonly usage = new Map<number, UsageRecord>();
  private artifacts = 0;
  private sessions = 0;
  private live = 0;
  private latest = 0;
  private readonly marks = new Map<string, number>(Object.keys(marks).map((name) => [name, 0]));

  add(session: GeneratedSession): void {
    const { artifacts: all } = session;
    this.sessions++;
    this.artifacts += all.length;
    const shard = usageShard(session.id);
    const gain = { sessions: 1, artifacts: all.length, bytes: bytesOf(all) };
    this.usage.set(shard, plus(this.usage.get(shard) ?? noUsage, gain));
    for (const { record, isLatest } of all) {
      this.references.set(record.sha256, (this.references.get(record.sha256) ?? 0) + 1);
      if (!isLatest) continue;
      this.latest++;
      if (!isExpired(record, undefined, anchorMs)) this.live++;
      for (const [name, { key, value }] of Object.entries(marks))
        if (record.metadata.some((pair) => pair[0] === key && pair[1] === value))
          this.marks.set(name, this.marks.get(name)! + 1);
    }
  }

  census(rows: number): Census {
    const { artifacts, sessions, live, latest } = this;
    return { artifacts, sessions, live, latest, rows, marks: Object.fromEntries(this.marks) };
  }
}
