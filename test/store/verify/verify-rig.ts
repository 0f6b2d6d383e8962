/** A store in memory that can be checked and repaired, with a row of nearly every family. */
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import type { Key } from '../../../src/index/row.ts';
import { openStore, type Store } from '../../../src/store/open.ts';
import type { Finding } from '../../../src/store/verify/finding.ts';
import { Verifier, type VerifyEvent } from '../../../src/store/verify/verifier.ts';
import { someBytes } from '../../support/calls.ts';
import { makeOlder } from '../../support/older-request-ids.ts';
import { checkingOwners } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { sessionNamed, specOf, target, tester } from '../../support/specs.ts';

export const dayMs = 86_400_000;

export interface Rig extends AsyncDisposable {
  readonly rows: MemoryRows;
  readonly index: Index;
  readonly store: Store;
  readonly blobs: ReturnType<typeof openMemoryBlobs>;
  readonly clock: { now: number };
  check(options?: { checkContents?: boolean; namespace?: string }): Promise<Report>;
  repair(report: Report, reindex?: boolean): Promise<Report>;
}

interface Report {
  readonly id: string;
  readonly findings: readonly Finding[];
  readonly summary: Extract<VerifyEvent, { kind: 'summary' }>;
}

async function report(events: AsyncIterable<VerifyEvent>): Promise<Report> {
  const findings: Finding[] = [];
  for await (const event of events) {
    if (event.kind === 'finding') findings.push(event.finding);
    if (event.kind === 'summary') return { id: event.reportId, findings, summary: event };
  }
  throw new Error('no summary');
}

export async function openRig(rows = new MemoryRows(), blobStore = openMemoryBlobs()): Promise<Rig> {
  const clock = { now: startOfTime };
  const raw = await openMemoryIndex({ rows, clock: () => clock.now });
  const index = checkingOwners(raw);
  const opened = await openStore({ index, blobs: blobStore, inlineBytesMax: 64 });
  const verifier = new Verifier(index, blobStore);
  return {
    rows,
    index: raw,
    store: opened,
    blobs: blobStore,
    clock,
    check: (options = {}) => report(verifier.check({ checkContents: false, ...options })),
    repair: ({ id }, reindex = false) => report(verifier.repair(id, { reindex })),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** A store with at least one row of every family that anything writes by now. */
export async function fill({
  index,
  store: { uploads, artifacts: changes, sessions: sessionStore, seals, apiKeys, policies, links },
}: Rig): Promise<void> {
  const push = (spec: Parameters<typeof specOf>[0], content: Uint8Array | string) =>
    uploads.create(tester, specOf(spec), Buffer.from(content));
  await sessionStore.open(tester, {
    ...sessionNamed('one', { pipeline: 'p' }),
    expectedOutputs: ['a' as never],
  });
  const first = await push({ session: 'one', name: 'a', metadata: { k: 'v' }, requestId: 'r1' }, 'small');
  await makeOlder(index);
  await push({ session: 'one', name: 'a', labels: { l: 'm' } }, 'small, second');
  await push({ session: 'one', name: 'b', inputs: [first.artifact.id], ttlMs: dayMs }, someBytes(5_000));
  await push({ session: 'one', name: 'c' }, someBytes(5_000));
  await push({ session: 'one', name: 'gone' }, someBytes(3_000, 2));
  await changes.delete(tester, target('one', 'gone'));
  await push({ session: 'two', name: 'a', requestId: 'r2' }, 'small');
  await seals.seal(tester, sessionNamed('two').id, 'succeeded');
  await push({ session: 'three', name: 'deleted' }, 'x');
  await changes.delete(tester, target('three', 'deleted'));
  const keepLast = { count: 1, metadataKey: 'p', outcomes: ['succeeded'] as const };
  const retention = { ttlMs: { succeeded: dayMs }, keepLast };
  for (const id of ['lost', 'kept']) {
    await sessionStore.open(tester, { ...sessionNamed(id, { p: 'q' }), retention });
    await seals.seal(tester, sessionNamed(id).id, 'succeeded');
  }
  await sessionStore.open(tester, { ...sessionNamed('leased'), leaseMs: dayMs });
  await push({ session: 'away', name: 'a' }, 'taken away');
  await sessionStore.delete(tester, sessionNamed('away').id);
  await links.create(tester, target('two', 'a'), undefined);
  const noPolicy = { etag: undefined, isDryRun: false };
  await policies.set(tester.namespace, undefined, noPolicy);
  await apiKeys.create({
    namespace: tester.namespace,
    description: 'a key',
    scopes: ['read'],
    operator: false,
    expireTime: undefined,
  });
  const limited = {
    ...tester,
    subject: 'tok_1',
    expireTime: startOfTime + dayMs,
    restriction: { pushBytesMax: 100 },
  };
  await uploads.create(limited, specOf({ session: 'one', name: 'limited' }), Buffer.from('by token'));
}

export async function allKeys(rows: MemoryRows): Promise<Key[]> {
  const iterator = rows.iterator({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }, (step) => step());
  const wanted: Key[] = [];
  for (let block = await iterator.nextv(1_000); block.length > 0; block = await iterator.nextv(1_000))
    wanted.push(...block.map(([key]) => key));
  await iterator.close();
  return wanted.filter((key) => key[0] !== keys.store.commit.code);
}

export async function copied(rows: MemoryRows): Promise<MemoryRows> {
  const copy = new MemoryRows();
  const iterator = rows.iterator({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }, (step) => step());
  for (let block = await iterator.nextv(1_000); block.length > 0; block = await iterator.nextv(1_000))
    copy.write(block.map(([key, value]) => ({ type: 'put', key, value })));
  await iterator.close();
  return copy;
}

export async function rowsIn(index: Index, range: { gte: Key; lt: Key }) {
  const all = [];
  for await (const block of index.scan(range)) all.push(...block);
  return all;
}
