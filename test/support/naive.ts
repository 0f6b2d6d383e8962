/**
 * A naive reader of every key family: reads the whole index, derives from the primary records what the other families
 * should hold, and lists where they differ. What `fsck` will do with care, this does with no regard for memory.
 */
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { effectiveExpiry } from '../../src/domain/expiry.ts';
import type { Index } from '../../src/index/door.ts';
import type { Family } from '../../src/index/family.ts';
import { keys } from '../../src/index/keys.ts';
import type {
  ArtifactRecord,
  FeedRecord,
  KeptRecord,
  NamespaceRecord,
  SessionNameRecord,
  SessionRecord,
  UsageRecord,
} from '../../src/index/records.ts';
import { facts, signatureOf } from '../../src/index/signature.ts';
import { noUsage, plus, usageShard } from '../../src/store/rows/usage.ts';
import { type AnyFamily, contentFaults, type Rows } from './naive-contents.ts';

/** Rows of the families as lines of text, so that two sets of them can be compared. */
class Lines {
  private readonly lines: string[] = [];

  add(family: AnyFamily, parts: readonly unknown[], value: unknown = true): void {
    const shown = value instanceof Uint8Array ? [...value] : value;
    this.lines.push(`${family.name} ${JSON.stringify(parts)} ${JSON.stringify(shown)}`);
  }

  sorted(): string[] {
    return this.lines.sort();
  }
}

async function readAll(index: Index): Promise<Rows> {
  const byCode = new Map<number, AnyFamily>();
  for (const group of Object.values(keys))
    for (const family of Object.values(group) as AnyFamily[]) byCode.set(family.code, family);
  const rows: Rows = new Map([...byCode.values()].map((family) => [family, []]));
  for await (const block of index.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) })) {
    for (const [key, value] of block) {
      const family = byCode.get(key[0]!);
      if (family === undefined) throw new Error(`a key of no family: ${Buffer.from(key).toString('hex')}`);
      rows.get(family)!.push({ parts: family.parse(key), value: family.decode(value) });
    }
  }
  return rows;
}

/** What a test may have brought about that leaves something behind. */
export interface Allowed {
  /** Commits whose outcome was unknown: blobs may have been published that no row names. */
  readonly orphans?: boolean;
  /** Artifacts have been reaped. */
  readonly reaped?: boolean;
}

/** Where the families disagree with the records; empty if all is well. */
export async function inconsistencies(
  index: Index,
  blobStore: BlobStore,
  allowed: Allowed = {},
): Promise<string[]> {
  const rows = await readAll(index);
  const found = new Lines();
  const expected = new Lines();
  for (const family of derived)
    for (const { parts, value } of rows.get(family)!) {
      // The name of a session that is gone is nobody's: it is queued until its id is free again.
      const goneSince = family === keys.sessions.name ? (value as SessionNameRecord).goneSince : undefined;
      if (family === keys.calls.usage && isNothing(value as UsageRecord)) continue;
      if (goneSince === undefined) found.add(family, parts, value);
      else expected.add(keys.calls.expiry, [goneSince + 30 * 86_400_000, parts[0], 'gone', parts[1]]);
    }

  const of = <P extends readonly unknown[], V>(family: Family<P, V>) =>
    rows
      .get(family as AnyFamily)!
      .map(({ parts, value }) => ({ parts: parts as unknown as P, value: value as V }));
  const allSessions = of(keys.sessions.record).map(({ parts, value }) => ({ ns: parts[0], session: value }));
  const records = of(keys.artifacts.record).map(({ parts, value }) => ({ ns: parts[0], record: value }));

  for (const { ns, record } of records) expectArtifact(expected, ns, record);
  for (const { parts, value: head } of of(keys.artifacts.head)) {
    const [ns] = parts;
    const record = records.find((other) => other.record.id === head.latest)?.record;
    if (record !== undefined) expectLatest(expected, ns, record);
  }
  for (const { parts, value } of of(keys.sessions.record)) expectSession(expected, parts[0], value);
  expectCounts(expected, records, allSessions);
  for (const { parts, value } of of(keys.calls.requestId))
    expected.add(keys.calls.expiry, [value.expireTime, parts[0], 'request', `${parts[1]}\0${parts[2]}`]);
  for (const { parts, value } of of(keys.credentials.tokenUse))
    expected.add(keys.calls.expiry, [value.expireTime, parts[0], 'token', parts[1]]);
  for (const { parts, value } of of(keys.credentials.apiKey)) {
    const end = Math.min(value.revokeTime ?? Infinity, value.expireTime ?? Infinity);
    if (end < Infinity) expected.add(keys.calls.expiry, [end + 30 * 86_400_000, value.ns, 'key', parts[0]]);
  }
  for (const { parts, value } of of(keys.links.record)) {
    expected.add(keys.links.byTarget, [value.ns, value.uid, value.artifact, parts[0]]);
    expected.add(keys.calls.expiry, [value.expireTime, value.ns, 'link', parts[0]]);
  }
  for (const { parts, value } of of(keys.blobs.record)) expectBlob(expected, parts[0], parts[1], value);
  for (const { parts } of of(keys.blobs.condemned))
    expected.add(keys.blobs.physicalName, [parts[1], parts[2]], { state: 'condemned', notBefore: parts[0] });

  const differences = compare(expected.sorted(), found.sorted());
  return [
    ...differences,
    ...of(keys.artifacts.head).flatMap(({ parts, value }) => headFaults(parts, value, records)),
    ...allSessions.flatMap(({ session }) => [
      ...sessionFaults(session, rows),
      ...(session.deleteTime === undefined ? feedFaults(session, rows, allowed) : []),
    ]),
    ...keptFaults(rows),
    ...(await blobFaults(rows, blobStore)),
    ...(await fileFaults(rows, blobStore, allowed)),
  ];
}

/** What is derived and therefore compared as a whole. */
const derived: AnyFamily[] = [
  ...Object.values(keys.latest),
  ...Object.values(keys.lineage),
  keys.artifacts.version,
  keys.sessions.name,
  keys.sessions.byTime,
  keys.sessions.byMetadata,
  keys.sessions.byLabel,
  keys.sessions.byState,
  keys.sessions.pendingSeal,
  keys.blobs.reference,
  keys.blobs.physicalName,
  keys.calls.expiry,
  keys.calls.usage,
  keys.links.byTarget,
];

function expectArtifact(expected: Lines, ns: string, record: ArtifactRecord): void {
  expected.add(keys.artifacts.version, [ns, record.uid, record.name, record.version], { id: record.id });
  expected.add(keys.blobs.reference, [ns, record.sha256, 'artifact', record.id]);
  for (const input of record.inputs) {
    expected.add(keys.lineage.inputs, [ns, record.id, input]);
    expected.add(keys.lineage.derived, [ns, input, record.id]);
  }
  const { expireTime } = effectiveExpiry(record, undefined);
  if (expireTime !== undefined) expected.add(keys.calls.expiry, [expireTime, ns, 'artifact', record.id]);
}

function expectLatest(expected: Lines, ns: string, record: ArtifactRecord): void {
  const type = record.contentType.split(';')[0]!;
  const signature = signatureOf([
    facts.session(record.session),
    facts.name(record.name),
    facts.type(type),
    ...record.metadata.map(([key, value]) => facts.metadata(key, value)),
  ]);
  expected.add(keys.latest.byTime, [ns, record.id], signature);
  expected.add(keys.latest.bySession, [ns, record.uid, record.id], signature);
  expected.add(keys.latest.byName, [ns, record.name, record.id], signature);
  expected.add(keys.latest.byType, [ns, type, record.id], signature);
  for (const [key, value] of record.metadata)
    expected.add(keys.latest.byMetadata, [ns, key, value, record.id], signature);
  for (const [key, value] of record.labels)
    expected.add(keys.latest.byLabel, [ns, key, value, record.id], signature);
}

function expectSession(expected: Lines, ns: string, session: SessionRecord): void {
  const isDeleted = session.deleteTime !== undefined;
  if (!isDeleted) expected.add(keys.sessions.name, [ns, session.id], { uid: session.uid });
  const isLeased = session.state === 'open' && session.lease !== undefined;
  const end = session.reaped ? undefined : session.expireTime;
  const due = session.deleteTime ?? (session.state === 'open' ? session.lease?.expireTime : end);
  if (due !== undefined) expected.add(keys.calls.expiry, [due, ns, 'session', session.uid]);
  if (isLeased) expected.add(keys.sessions.byState, [ns, 'LEASED', session.uid]);
  expected.add(keys.sessions.byTime, [ns, session.uid]);
  for (const [key, value] of session.metadata)
    expected.add(keys.sessions.byMetadata, [ns, key, value, session.uid]);
  for (const [key, value] of session.labels)
    expected.add(keys.sessions.byLabel, [ns, key, value, session.uid]);
  expected.add(keys.sessions.byState, [ns, session.state.toUpperCase(), session.uid]);
  if (session.outcome !== undefined)
    expected.add(keys.sessions.byState, [ns, session.outcome.toUpperCase(), session.uid]);
  if (session.state === 'sealing') expected.add(keys.sessions.pendingSeal, [ns, session.uid]);
  if (session.manifest)
    expected.add(keys.blobs.reference, [ns, session.manifest.sha256, 'manifest', session.uid]);
}

/** A usage row is kept once its shard has had a session. */
function isNothing({ sessions: count, artifacts, bytes }: UsageRecord): boolean {
  return count === 0 && artifacts === 0 && bytes === 0;
}

function expectCounts(
  expected: Lines,
  records: readonly { ns: string; record: ArtifactRecord }[],
  all: readonly { ns: string; session: SessionRecord }[],
): void {
  const usage = new Map<string, UsageRecord>();
  const shardOf = (ns: string, session: string) => JSON.stringify([ns, usageShard(session)]);
  const add = (ns: string, session: string, gain: Partial<UsageRecord>) => {
    const shard = shardOf(ns, session);
    usage.set(shard, plus(usage.get(shard) ?? noUsage, gain));
  };
  for (const { ns, session } of all) add(ns, session.id, { sessions: 1 });
  for (const { ns, record } of records) add(ns, record.session, { artifacts: 1, bytes: record.size });
  for (const [shard, value] of usage)
    if (!isNothing(value)) expected.add(keys.calls.usage, JSON.parse(shard), value);
}

function expectBlob(expected: Lines, ns: string, sha256: unknown, record: { name?: string }): void {
  if (record.name !== undefined)
    expected.add(keys.blobs.physicalName, [ns, record.name], { state: 'live', sha256 });
}

function headFaults(
  [, uid, name]: readonly unknown[],
  head: { nextVersion: number; latest: string; deleted?: boolean },
  records: readonly { record: ArtifactRecord }[],
): string[] {
  const versions = records
    .filter(({ record }) => record.uid === uid && record.name === name)
    .map(({ record }) => record);
  const latestIsThere = versions.some(({ id }) => id === head.latest);
  const faults: string[] = [];
  if (latestIsThere === (head.deleted === true)) faults.push(`head ${name}: deleted is ${head.deleted}`);
  for (const { version } of versions)
    if (version >= head.nextVersion)
      faults.push(`head ${name}: version ${version} is not below ${head.nextVersion}`);
  return faults;
}

function sessionFaults(session: SessionRecord, rows: Rows): string[] {
  const faults: string[] = [];
  const own = rows
    .get(keys.artifacts.record as AnyFamily)!
    .map(({ value }) => value as ArtifactRecord)
    .filter(({ uid }) => uid === session.uid);
  const count = {
    artifacts: own.length,
    bytes: own.reduce((sum, { size }) => sum + size, 0),
    holds: own.filter(({ hold }) => hold).length,
  };
  const outputs = rows.get(keys.sessions.outputs as AnyFamily)!.some(({ parts }) => parts[1] === session.uid);
  if (outputs !== session.hasOutputs)
    faults.push(`session ${session.id}: says ${session.hasOutputs} of its outputs`);
  const said = { artifacts: session.artifacts, bytes: session.bytes, holds: session.holds };
  if (JSON.stringify(count) !== JSON.stringify(said))
    faults.push(`session ${session.id}: counts ${JSON.stringify(said)}, has ${JSON.stringify(count)}`);
  return faults;
}

/** Every commit, deletion and seal has its row, in an order in which they can have happened. */
function feedFaults(session: SessionRecord, rows: Rows, allowed: Allowed): string[] {
  const feed = rows
    .get(keys.artifacts.feed as AnyFamily)!
    .filter(({ parts }) => parts[1] === session.uid)
    .map(({ parts, value }) => ({ number: parts[2] as number, event: value as FeedRecord }));
  const faults: string[] = [];
  const live = new Map<string, number>();
  let isSealed = false;
  for (const [at, { number, event }] of feed.entries()) {
    if (number !== at + 1) faults.push(`${number} follows ${at}`);
    if (event.kind === 'deleted' && !live.delete(event.id))
      faults.push(`${number} deletes what was not there`);
    if (event.kind !== 'deleted' && isSealed) faults.push(`${number}, ${event.kind}, comes after the seal`);
    if (event.kind === 'committed') live.set(event.id, number);
    if (event.kind === 'sealed') isSealed = true;
    const outcome = session.amended ? 'abandoned' : session.outcome;
    if (event.kind === 'sealed' && event.outcome !== outcome)
      faults.push(`${number} has the outcome ${event.outcome}, not ${session.outcome}`);
  }
  if (feed.length !== session.feed) faults.push(`ends at ${feed.length}, not at ${session.feed}`);
  if (isSealed !== (session.state === 'sealed')) faults.push(`of a session that is ${session.state}`);
  const said = [...live].map(([id, number]) => `${id} ${number}`);
  const own = rows
    .get(keys.artifacts.record as AnyFamily)!
    .map(({ value }) => value as ArtifactRecord)
    .filter(({ uid }) => uid === session.uid)
    .map(({ id, feed: number }) => `${id} ${number}`);
  // What was reaped leaves no event behind.
  const expected = allowed.reaped ? said.filter((line) => own.includes(line)) : said;
  faults.push(...compare(own.sort(), expected.sort()));
  return faults.map((fault) => `feed of ${session.id}: ${fault}`);
}

/** Whoever is on a list of the last few has the mark, and nobody else. */
function keptFaults(rows: Rows): string[] {
  const listed = rows
    .get(keys.sessions.kept as AnyFamily)!
    .flatMap(({ value }) => (value as KeptRecord).sessions.map(({ uid }) => String(uid)));
  const marked = rows
    .get(keys.sessions.record as AnyFamily)!
    .filter(({ value }) => (value as SessionRecord).kept)
    .map(({ value }) => String((value as SessionRecord).uid));
  return compare(marked.sort(), listed.sort()).map((fault) => `kept sessions: ${fault}`);
}

async function blobFaults(rows: Rows, blobStore: BlobStore): Promise<string[]> {
  const faults: string[] = [];
  const referenced = new Map<string, number>();
  for (const { parts } of rows.get(keys.blobs.reference as AnyFamily)!) {
    const content = `${parts[0]} ${parts[1]}`;
    referenced.set(content, (referenced.get(content) ?? 0) + 1);
  }
  const queued = new Set(
    rows.get(keys.blobs.maybeFree as AnyFamily)!.map(({ parts }) => `${parts[1]} ${parts[2]}`),
  );
  for (const { parts, value } of rows.get(keys.blobs.record as AnyFamily)!) {
    const content = `${parts[0]} ${parts[1]}`;
    const record = value as { refs: number; size: number; name?: string };
    const refs = referenced.get(content) ?? 0;
    referenced.delete(content);
    if (refs !== record.refs) faults.push(`blob ${content}: says ${record.refs} references, has ${refs}`);
    if (refs === 0 && !queued.has(content)) faults.push(`blob ${content}: unreferenced and not queued`);
    faults.push(...(await contentFaults(rows, blobStore, parts, record)));
  }
  for (const content of referenced.keys()) faults.push(`blob ${content}: referenced and not there`);
  return faults;
}

/** The files of a namespace are those that its rows name; those that are condemned may be gone already. */
async function fileFaults(rows: Rows, blobStore: BlobStore, allowed: Allowed): Promise<string[]> {
  const faults: string[] = [];
  for (const { parts, value } of rows.get(keys.store.namespace as AnyFamily)!) {
    const { internalId } = value as NamespaceRecord;
    const there = new Set<string>();
    for await (const name of blobStore.list(internalId)) there.add(name);
    for (const row of rows.get(keys.blobs.physicalName as AnyFamily)!)
      if (
        row.parts[0] === parts[0] &&
        !there.delete(String(row.parts[1])) &&
        (row.value as { state: string }).state === 'live'
      )
        faults.push(`the file ${row.parts[1]} is missing`);
    if (!allowed.orphans) faults.push(...[...there].map((name) => `no row names the file ${name}`));
  }
  return faults;
}

function compare(expected: readonly string[], found: readonly string[]): string[] {
  const here = new Set(found);
  const wanted = new Set(expected);
  return [
    ...expected.filter((line) => !here.has(line)).map((line) => `missing: ${line}`),
    ...found.filter((line) => !wanted.has(line)).map((line) => `too much: ${line}`),
  ];
}
