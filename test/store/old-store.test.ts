/** A store that an earlier release left on disk has for the code of now what it had for that. */
import { Buffer } from 'node:buffer';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { textOf } from '../../src/index/bytes.ts';
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { signatureBytes } from '../../src/index/signature.ts';
import { Verifier, type VerifyEvent } from '../../src/store/verify/verifier.ts';
import { ask, type OldStore, openOldStore, readRecorded } from '../fixtures/old-store.ts';
import { someBytes } from '../support/calls.ts';
import { digestOf, specOf, target, tester } from '../support/specs.ts';

const fixtures = join(import.meta.dirname, '../fixtures');
const { now, questions, findings, linkToken, linkArtifact, apiKey, apiKeyId } = await readRecorded(
  join(fixtures, 'store-0.1.jsonl'),
);

/** Of a copy, which is removed when the test has ended. */
async function opened(): Promise<OldStore> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-old-store-'));
  onTestFinished(() => rm(root, { recursive: true }));
  await cp(join(fixtures, 'store-0.1'), root, { recursive: true });
  const old = await openOldStore(root, { now });
  onTestFinished(() => old[Symbol.asyncDispose]());
  return old;
}

async function eventsOf(events: AsyncIterable<VerifyEvent>) {
  const found = [];
  let reportId = '';
  for await (const event of events) {
    if (event.kind === 'finding') found.push({ kind: event.finding.kind, sha256: event.finding.sha256 });
    if (event.kind === 'summary') reportId = event.reportId;
  }
  return { found, reportId };
}

/** All rows but those that tell of commits. */
type Rows = ReadonlyMap<string, string>;

const lists = new Set(Object.values(keys.latest).map(({ code }) => code));
const isListed = ([key]: readonly [string, string]) => lists.has(key.charCodeAt(0));

function unsigned(rows: Rows): Rows {
  return new Map([...rows].map((row) => (isListed(row) ? [row[0], ''] : row)));
}

async function rowsOf(index: Index): Promise<Rows> {
  const rows = new Map<string, string>();
  for await (const block of index.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }))
    for (const [key, value] of block)
      if (key[0] !== keys.store.commit.code) rows.set(textOf(key), textOf(value));
  return rows;
}

const push = ({ store }: OldStore, session: string, name: string, bytes: string | Uint8Array) =>
  store.uploads.create(tester, specOf({ session, name }), Buffer.from(bytes));

it('answers every question as it did', async () => {
  const old = await opened();
  const answers = [];
  for (const question of questions) {
    const { method, namespace, request } = question;
    answers.push({ method, namespace, request, ...(await ask(old, question)) });
  }
  expect(questions.length).toBeGreaterThan(100);
  expect(answers).toMatchObject(questions);
});

it('opens its links and takes its keys', async () => {
  const { store } = await opened();
  expect(await store.shared.find(linkToken)).toMatchObject({ artifact: { id: linkArtifact } });
  expect(await store.apiKeys.authenticate(apiKey)).toMatchObject({
    subject: apiKeyId,
    namespace: 'default',
    operator: false,
  });
});

it('goes on: versions, equal bytes, retries, contents by their digest', async () => {
  const old = await opened();
  const { store } = old;
  const before = await store.artifacts.get(tester, target('open', 'notes/first.txt'));
  const same = await push(old, 'open', 'notes/first.txt', someBytes(20_000, 5));
  expect(same).toMatchObject({ artifact: { id: before.id }, receipt: { deduplicated: true } });
  const next = await push(old, 'open', 'notes/first.txt', 'another version');
  expect(next).toMatchObject({ artifact: { version: before.version + 1, latest: true } });
  expect(next.artifact.sequence).toBeGreaterThan(before.sequence);
  const spec = specOf({
    session: 'open',
    name: 'notes/first.txt',
    metadata: { step: '1' },
    labels: { reviewed: 'no' },
    requestId: 'first-request',
  });
  const retried = await store.uploads.create(tester, spec, Buffer.from('the first line\nthe second line\n'));
  expect(retried).toMatchObject({ artifact: { version: 1 }, receipt: { replayed: true } });
  const named = specOf({ session: 'open', name: 'by-digest' });
  const byDigest = await store.uploads.createByDigest(tester, named, digestOf(someBytes(20_000, 5)));
  expect(byDigest.receipt).toMatchObject({ bytesSaved: 20_000 });
  for (const [session, reason] of [
    ['succeeded', 'SESSION_SEALED'],
    ['lapsed', 'SESSION_SEALED'],
    ['expired', 'SESSION_GONE'],
    ['over', 'SESSION_GONE'],
    ['removed', 'SESSION_GONE'],
  ] as const)
    await expect(push(old, session, 'late', 'late')).rejects.toMatchObject({ reason });
});

it('mends what was quarantined when its bytes are pushed again', async () => {
  const old = await opened();
  await push(old, 'open', 'again', someBytes(3_000, 9));
  const verifier = new Verifier(old.index, old.blobs);
  expect((await eventsOf(verifier.check({ checkContents: true }))).found).toEqual([]);
});

it('is whole: a check finds nothing but what was quarantined, and a reindex writes what is there', async () => {
  const old = await opened();
  const verifier = new Verifier(old.index, old.blobs);
  await push(old, 'open', 'notes/first.txt', 'another version');
  const { found, reportId } = await eventsOf(verifier.check({ checkContents: true }));
  expect(found).toEqual(findings);
  const before = await rowsOf(old.index);
  await eventsOf(verifier.repair(reportId, { reindex: true }));
  const after = await rowsOf(old.index);
  // Only new rows have a signature, until all are written again.
  expect(unsigned(after)).toEqual(unsigned(before));
  const signatures = (rows: Rows) => new Set([...rows].filter(isListed).map(([, { length }]) => length));
  expect([signatures(before), signatures(after)]).toEqual([
    new Set([0, signatureBytes]),
    new Set([signatureBytes]),
  ]);
});

it('ends what its reaper finds due, and is whole afterwards', async () => {
  const old = await opened();
  const everything = { limit: 100_000 };
  const reaped = await old.store.reaper.reap(everything);
  expect(reaped).toMatchObject({ lapsed: 1, more: false });
  await old.store.collection.stop();
  const verifier = new Verifier(old.index, old.blobs);
  expect((await eventsOf(verifier.check({ checkContents: true }))).found).toEqual(findings);
  old.clock.now += 500 * 86_400_000;
  await old.store.reaper.reap(everything);
  expect((await eventsOf(verifier.check({ checkContents: true }))).found).toEqual(findings);
});
