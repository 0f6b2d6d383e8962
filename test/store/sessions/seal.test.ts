/** Sessions while they are being sealed, and what their seals leave. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { keys } from '../../../src/index/keys.ts';
import type { SealResult } from '../../../src/store/sessions/seal.ts';
import { gatedBlobs } from '../../support/blobs.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { sessionNamed, specOf, target, tester } from '../../support/specs.ts';

const { id } = sessionNamed('s');

let gated: ReturnType<typeof gatedBlobs>;
let opened: TestStore;
beforeEach(async () => {
  gated = gatedBlobs(openMemoryBlobs());
  // Nothing goes into the index, so that every manifest has to be staged.
  opened = await openTestStore({ blobs: gated.blobs, inlineBytesMax: 0 });
  onTestFinished(async () => {
    const faults = await inconsistencies(opened.index, opened.blobs);
    await opened[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
  });
});

function push(name: string, content = name) {
  return opened.store.uploads.create(tester, specOf({ session: 's', name }), Buffer.from(content));
}

/** Waits until so many uploads and manifests in all have come to where they are stored. */
async function arrived(number: number): Promise<void> {
  await expect.poll(() => gated.arrived(), { interval: 1 }).toBe(number);
}

/** Waits for a seal that goes on by itself. */
async function sealedByItself(): Promise<void> {
  const state = async () => (await opened.store.sessions.get(tester, id)).state;
  await expect.poll(state, { interval: 1 }).toBe('sealed');
}

const pending = { reason: 'SEAL_PENDING', metadata: { session: 's' }, retryAfterMs: 200 };

describe('while a session is being sealed', () => {
  let sealing: Promise<SealResult>;
  beforeEach(async () => {
    await push('a');
    await push('b');
    await opened.store.artifacts.update(tester, target('s', 'b'), { hold: true });
    gated.close();
    sealing = opened.store.seals.seal(tester, id, 'succeeded');
    await arrived(3);
  });

  async function finish(): Promise<SealResult> {
    gated.open();
    return await sealing;
  }

  it('holds cannot change, labels and expiry can', async () => {
    const { artifacts } = opened.store;
    await expect(artifacts.update(tester, target('s', 'a'), { hold: true })).rejects.toMatchObject(pending);
    await expect(artifacts.update(tester, target('s', 'b'), { hold: false })).rejects.toMatchObject(pending);
    const changes = { labels: [['l', '1']], expiry: { ttlMs: 1_000 } } as const;
    expect(await artifacts.update(tester, target('s', 'a'), changes)).toMatchObject({ labels: [['l', '1']] });
    const { session } = await finish();
    expect(session).toMatchObject({ state: 'sealed', holdCount: 1, manifest: { lineCount: 2 } });
    await artifacts.update(tester, target('s', 'b'), { hold: false });
  });

  it('nothing can be deleted, whichever version and however it is named', async () => {
    const { artifacts } = opened.store;
    const found = await artifacts.get(tester, target('s', 'a'));
    for (const one of [target('s', 'a'), target('s', 'a', 1), { id: found.id }])
      await expect(artifacts.delete(tester, one)).rejects.toMatchObject(pending);
    expect((await finish()).session.manifest?.lineCount).toBe(2);
    expect(await artifacts.delete(tester, target('s', 'a'))).toBe(true);
  });

  it('there is no manifest yet, but there will be', async () => {
    await expect(opened.store.downloads.manifest(tester, id)).rejects.toMatchObject(pending);
    expect(await opened.store.sessions.get(tester, id)).toMatchObject({
      state: 'sealing',
      outcome: 'succeeded',
    });
    await finish();
    const { bytes } = await opened.store.downloads.manifest(tester, id);
    const text = Buffer.concat(await Array.fromAsync(bytes)).toString();
    expect(text.split('\n').map((line) => line.slice(0, 11))).toEqual(['{"name":"a"', '{"name":"b"', '']);
  });

  it('nothing is added', async () => {
    gated.open();
    await expect(push('c')).rejects.toMatchObject({ reason: 'SESSION_SEALED' });
    await sealing;
  });

  it('its labels can change, and the seal keeps them', async () => {
    await opened.store.sessions.update(tester, id, { labels: [['l', '1']] });
    expect((await finish()).session.labels).toEqual([['l', '1']]);
  });

  it('another seal waits for it, or is refused if it says otherwise', async () => {
    const { seals } = opened.store;
    await expect(seals.seal(tester, id, 'failed')).rejects.toMatchObject({
      reason: 'OUTCOME_CONFLICT',
      metadata: { outcome: 'succeeded' },
    });
    const again = seals.seal(tester, id, 'succeeded', { etag: '"an old one"' });
    await arrived(4);
    const first = await finish();
    expect(first.alreadySealed).toBe(false);
    const second = await again;
    expect(second).toMatchObject({ alreadySealed: true, session: { state: 'sealed' } });
    expect(second.session.manifest).toEqual(first.session.manifest);
  });
});

describe('a seal', () => {
  it('whose caller stops waiting goes on by itself', async () => {
    await push('a');
    const gone = new AbortController();
    gated.close();
    const sealing = opened.store.seals.seal(tester, id, 'succeeded', { signal: gone.signal });
    const told = expect(sealing).rejects.toMatchObject(pending);
    await arrived(2);
    gone.abort();
    await told;
    expect((await opened.store.sessions.get(tester, id)).state).toBe('sealing');
    gated.open();
    await sealedByItself();
    expect((await opened.store.seals.seal(tester, id, 'succeeded')).alreadySealed).toBe(true);
  });

  it('whose caller has gone before it begins is sealed all the same', async () => {
    await push('a');
    const signal = AbortSignal.abort();
    await expect(opened.store.seals.seal(tester, id, 'succeeded', { signal })).rejects.toMatchObject(pending);
    await sealedByItself();
  });

  it('needs the etag that the session has, unless it is sealed so already', async () => {
    const { seals, sessions } = opened.store;
    await sessions.open(tester, sessionNamed('s'));
    const { etag } = await sessions.update(tester, id, { labels: [['l', '1']] });
    await expect(seals.seal(tester, id, 'failed', { etag: '"1"' })).rejects.toMatchObject({
      reason: 'ETAG_MISMATCH',
      metadata: { etag },
      violations: [{ field: 'etag' }],
    });
    expect((await sessions.get(tester, id)).state).toBe('open');
    const sealed = await seals.seal(tester, id, 'failed', { etag });
    expect(sealed).toMatchObject({ alreadySealed: false, session: { state: 'sealed', outcome: 'failed' } });
    expect(sealed.session.etag).not.toBe(etag);
    expect(await seals.seal(tester, id, 'failed', { etag })).toMatchObject({ alreadySealed: true });
  });

  it('completed by two at once has one manifest, and the copy is condemned', async () => {
    const long = 'n'.repeat(250);
    const names = Array.from({ length: 40 }, (_, at) => [`${at}`, long, long, long].join('/'));
    await Promise.all(names.map((name) => push(name, 'the same')));
    const counts = async () => ({
      live: await count(keys.blobs.record.range()),
      condemned: await count(keys.blobs.condemned.range()),
    });
    const before = await counts();
    gated.close();
    const sealing = [1, 2].map(() => opened.store.seals.seal(tester, id, 'succeeded'));
    await arrived(42);
    gated.open();
    const [first, second] = await Promise.all(sealing);
    expect(first!.session.manifest!.sizeBytes).toBeGreaterThan(32 * 1024);
    expect(second!.session.manifest).toEqual(first!.session.manifest);
    expect([first!, second!].map(({ alreadySealed }) => alreadySealed).sort()).toEqual([false, true]);
    expect(await counts()).toEqual({ live: before.live + 1, condemned: before.condemned + 1 });
    expect(opened.blobs.stagedCount).toBe(0);
  });

  async function count(range: { gte: Uint8Array; lt: Uint8Array }): Promise<number> {
    let total = 0;
    for await (const block of opened.index.scan(range)) total += block.length;
    return total;
  }
});
