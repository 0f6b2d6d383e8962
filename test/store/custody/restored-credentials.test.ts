/** What becomes of API keys, tokens and share links when the index is restored: no revocation is undone in silence. */
import { Buffer } from 'node:buffer';
import { describe, expect, onTestFinished, test } from 'vitest';
import { authenticationOver } from '../../../src/api/credentials.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { failedWith } from '../../../src/domain/errors.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import { ChildTokens } from '../../../src/identity/child-tokens.ts';
import { keys } from '../../../src/index/keys.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { openMemoryDatabase } from '../../../src/index/memory/memory.ts';
import type { ExportPart } from '../../../src/store/custody/export.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, target, tester } from '../../support/specs.ts';

const dayMs = 86_400_000;

interface Place {
  readonly home: MemoryHome;
  readonly warnings: string[];
  readonly time: { now: number };
  open(): Promise<StoreHost>;
}

function place(time = { now: startOfTime }): Place {
  const blobs = openMemoryBlobs();
  const clock = () => time.now;
  const home = new MemoryHome({ clock });
  const warnings: string[] = [];
  const open = async () => {
    const host = await StoreHost.open({
      home,
      clock,
      open: (index, isFirst) => openCheckedStore({ index, blobs, inlineBytesMax: 64, removesStale: isFirst }),
      warn: (message) => warnings.push(message),
    });
    onTestFinished(() => host[Symbol.asyncDispose]());
    return host;
  };
  return { home, warnings, time, open };
}

/** A key, a token that was minted with it, and a link; and how each can be revoked. */
interface Credentials {
  readonly key: string;
  readonly keyId: string;
  readonly token: string;
  readonly link: string;
  readonly linkId: string;
}

async function issue({ store }: StoreHost, name: string, expireTime?: number): Promise<Credentials> {
  await store.uploads.create(tester, specOf({ session: 's', name }), Buffer.from(name));
  const { link, token: linkToken } = await store.links.create(tester, target('s', name), {
    ttlMs: 20 * dayMs,
  });
  const { key, secret } = await store.apiKeys.create({
    namespace: tester.namespace,
    description: name,
    scopes: ['read', 'write'],
    operator: false,
    expireTime,
  });
  const minter = await store.apiKeys.authenticate(secret);
  const { token } = await new ChildTokens(store.tokenKey, () => store.now()).mint(minter, {
    namespace: tester.namespace,
    scopes: ['read'],
    sessions: undefined,
    sessionPrefixes: [],
    namePrefix: '',
    pushBytesMax: undefined,
    expireTime: store.now() + dayMs,
  });
  return { key: secret, keyId: key.id, token, link: linkToken, linkId: link.id };
}

async function revoke({ store }: StoreHost, { keyId, linkId }: Credentials): Promise<void> {
  await store.apiKeys.revoke(keyId);
  await store.links.revokeOne(tester, linkId);
}

/** Which of the three answer; and what is said of those that do not. */
async function answering(host: StoreHost, { key, token, link }: Credentials): Promise<string[]> {
  const { authenticate } = authenticationOver(() => host.store, { isRequired: true, elapsed: () => 0 });
  const said = async (work: Promise<unknown>) => {
    try {
      await work;
      return 'answers';
    } catch (error) {
      if (!failedWith(error, 'UNAUTHENTICATED', 'SHARE_LINK_NOT_FOUND', 'ARTIFACT_EXPIRED')) throw error;
      return error.message;
    }
  };
  const presented = { namespace: undefined, certificate: undefined, address: undefined, isLocal: false };
  return [
    await said(authenticate({ ...presented, authorization: `Bearer ${key}` })),
    await said(authenticate({ ...presented, authorization: `Bearer ${token}` })),
    await said(host.store.shared.find(link)),
  ];
}

const all = ['answers', 'answers', 'answers'];
const noLink = 'this link does not exist, or was revoked';
const revoked = [
  'the API key was revoked',
  'the key that the token was minted with is no longer valid',
  noLink,
];
const waits =
  'came with a restored export, and does not work until an operator runs "artifacta fsck --resume ID" ' +
  '("artifacta fsck" shows the ID)';
const waiting = [`the API key ${waits}`, `the key that the token was minted with ${waits}`, noLink];

const exportOf = (host: StoreHost) => Array.fromAsync(host.exportIndex());

async function* stream(parts: readonly ExportPart[]): AsyncGenerator<ExportPart> {
  yield* parts;
}

async function check(host: StoreHost): Promise<{ reportId: string; messages: string[] }> {
  const messages: string[] = [];
  let reportId = '';
  for await (const event of host.verify({ checkContents: true, reindex: false })) {
    if (event.kind === 'finding') messages.push(event.finding.message);
    if (event.kind === 'summary') reportId = event.reportId;
  }
  return { reportId, messages };
}

async function repair(host: StoreHost): Promise<void> {
  const { reportId } = await check(host);
  await Array.fromAsync(host.verify({ checkContents: false, reindex: false, repairReportId: reportId }));
}

describe('an import into the store that the export is of', () => {
  test('keeps what was revoked since revoked, and all else good', async () => {
    const host = await place().open();
    const good = await issue(host, 'good');
    const bad = await issue(host, 'bad');
    const brief = await issue(host, 'brief', startOfTime + dayMs);
    const parts = await exportOf(host);
    await revoke(host, bad);
    await revoke(host, brief);
    expect(await answering(host, bad)).toEqual(revoked);
    await host.importIndex(stream(parts), true);
    expect(await answering(host, good)).toEqual(all);
    expect(await answering(host, bad)).toEqual(revoked);
    expect(await answering(host, brief)).toEqual(revoked);
    // The rows that are derived from them agree.
    expect((await check(host)).messages).toEqual([]);
    const { pauses } = await host.status();
    expect(pauses).toMatchObject([{ cause: 'imported' }]);
    expect(pauses[0]!.credentials).toBeUndefined();
    await repair(host);
    expect((await host.status()).pauses).toEqual([]);
    expect(await answering(host, bad)).toEqual(revoked);
  });

  test('keeps revoked what has ended so long ago that it is not known any more', async () => {
    const { open, time } = place();
    const host = await open();
    const bad = await issue(host, 'bad');
    const parts = await exportOf(host);
    await revoke(host, bad);
    time.now += 31 * dayMs;
    await host.store.reaper.reap({ limit: 1_000 });
    await expect(host.store.apiKeys.revoke(bad.keyId)).rejects.toMatchObject({ reason: 'API_KEY_NOT_FOUND' });
    await host.importIndex(stream(parts), true);
    const [key, , link] = await answering(host, bad);
    expect([key, link]).toEqual([revoked[0], 'this link has expired']);
  });

  test('closes a link to what was deleted since, although that is back', async () => {
    const host = await place().open();
    const [good, bad] = [await issue(host, 'good'), await issue(host, 'bad')];
    const { store } = host;
    const { artifact } = await store.uploads.create(
      tester,
      specOf({ session: 't', name: 'a' }),
      Buffer.from('a'),
    );
    const inSession = await store.links.create(tester, { id: artifact.id }, undefined);
    const parts = await exportOf(host);
    await store.artifacts.delete(tester, target('s', 'bad'));
    await store.sessions.delete(tester, parseSessionId('session', 't'));
    await host.importIndex(stream(parts), true);
    expect(await answering(host, good)).toEqual(all);
    expect(await answering(host, bad)).toEqual(['answers', 'answers', noLink]);
    expect((await answering(host, { ...good, link: inSession.token }))[2]).toBe(noLink);
    expect(await host.store.artifacts.get(tester, target('s', 'bad'))).toBeDefined();
  });

  test('keeps revoked what is revoked while it comes', async () => {
    const host = await place().open();
    const [good, bad] = [await issue(host, 'good'), await issue(host, 'bad')];
    const parts = await exportOf(host);
    async function* slowly() {
      yield* parts.slice(0, -1);
      await revoke(host, bad);
      yield parts.at(-1)!;
    }
    await host.importIndex(slowly(), true);
    expect(await answering(host, good)).toEqual(all);
    expect(await answering(host, bad)).toEqual(revoked);
    expect((await check(host)).messages).toEqual([]);
  });
});

describe('an import where nobody can tell what was revoked since', () => {
  /** An export with credentials of which one was revoked after it. */
  async function made() {
    const from = place();
    const host = await from.open();
    const [good, bad] = [await issue(host, 'good'), await issue(host, 'bad')];
    const ended = await issue(host, 'ended');
    await revoke(host, ended);
    const parts = await exportOf(host);
    await revoke(host, bad);
    return { from, host, good, bad, ended, parts };
  }

  test('into an empty directory: all wait until an operator resumes, and no repair does that', async () => {
    const { good, bad, ended, parts } = await made();
    const to = place();
    const host = await to.open();
    await host.importIndex(stream(parts), false);
    for (const one of [good, bad]) expect(await answering(host, one)).toEqual(waiting);
    expect((await answering(host, ended))[0]).toBe(revoked[0]);
    const { pauses } = await host.status();
    const id = `imported-${startOfTime}`;
    const told = expect.stringContaining(
      `2 API keys and 2 share links that came with it do not work yet, because they may have been revoked since: revoke those that must not work, then run \`artifacta fsck --resume ${id}\``,
    );
    expect(pauses).toMatchObject([{ id, message: told, credentials: { keys: 2, links: 2 } }]);
    expect(to.warnings).toEqual([told]);
    await repair(host);
    expect((await host.status()).pauses).toEqual(pauses);
    // Operators by the local socket go on, and what they make from here on answers.
    const later = await issue(host, 'later');
    expect(await answering(host, later)).toEqual(all);
    await revoke(host, bad);
    // It outlasts the process, which says so again.
    await host[Symbol.asyncDispose]();
    const again = await to.open();
    expect(await answering(again, good)).toEqual(waiting);
    expect(to.warnings).toEqual([told, told]);
    await again.resume(id);
    expect(await answering(again, good)).toEqual(all);
    expect(await answering(again, later)).toEqual(all);
    expect(await answering(again, bad)).toEqual(revoked);
    expect((await check(again)).messages).toEqual([]);
  });

  test('into another store, and over a damaged index: the same', async () => {
    const { from, host, good, bad, parts } = await made();
    const other = await place().open();
    await issue(other, 'own');
    await other.importIndex(stream(parts), true);
    for (const one of [good, bad]) expect(await answering(other, one)).toEqual(waiting);
    await host[Symbol.asyncDispose]();
    await openMemoryDatabase(from.home.rows).batch([{ type: 'del', key: keys.store.commit.key(2) }]);
    const damaged = await from.open();
    expect(damaged.state).toBe('recovery');
    await damaged.importIndex(stream(parts), true);
    for (const one of [good, bad]) expect(await answering(damaged, one)).toEqual(waiting);
  });

  test('what waits goes on waiting when the store is exported and restored once more, and not after it was resumed', async () => {
    const { good, bad, parts } = await made();
    const { open, time } = place();
    const host = await open();
    await host.importIndex(stream(parts), false);
    const whileWaiting = await exportOf(host);
    await revoke(host, bad);
    time.now += 1_000;
    await host.importIndex(stream(whileWaiting), true);
    expect(await answering(host, good)).toEqual(waiting);
    expect(await answering(host, bad)).toEqual(revoked);
    const { pauses } = await host.status();
    expect(pauses).toMatchObject([
      { id: `imported-${startOfTime + 1_000}`, credentials: { keys: 1, links: 1 } },
    ]);
    await host.resume(pauses[0]!.id);
    expect(await answering(host, good)).toEqual(all);
    time.now += 1_000;
    await host.importIndex(stream(whileWaiting), true);
    expect(await answering(host, good)).toEqual(all);
    expect(await answering(host, bad)).toEqual(revoked);
  });

  test('what is left of a damaged index once its loss is accepted: the same', async () => {
    const { from, host, good, bad } = await made();
    await host[Symbol.asyncDispose]();
    await openMemoryDatabase(from.home.rows).batch([{ type: 'del', key: keys.store.commit.key(2) }]);
    const damaged = await from.open();
    await damaged.acceptLoss((await damaged.status()).losses[0]!.id);
    expect(await answering(damaged, good)).toEqual(waiting);
    expect(await answering(damaged, bad)).toEqual(revoked);
    await repair(damaged);
    const { pauses } = await damaged.status();
    expect(pauses).toMatchObject([{ cause: 'imported', credentials: { keys: 1, links: 1 } }]);
    await damaged.resume(pauses[0]!.id);
    expect(await answering(damaged, good)).toEqual(all);
  });
});
