/** Pushing content by its digest, and naming inputs: both need artifacts that can be read at the commit. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { sha256, someBytes } from '../../support/calls.ts';
import { interrupted } from '../../support/interrupted.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openTestStore, startOfTime, type TestStore } from '../../support/service.ts';
import { digestOf, specOf, tester } from '../../support/specs.ts';

const bytes = Buffer.from('content');
const notFound = { reason: 'CONTENT_NOT_FOUND', metadata: { sha256: sha256(bytes) } };

let opened: TestStore;
/** Called once before the next transaction is handed to the index. */
let meanwhile: (() => Promise<void>) | undefined;
beforeEach(async () => {
  const clock = { now: startOfTime };
  const index = await openMemoryIndex({ clock: () => clock.now });
  meanwhile = undefined;
  opened = { ...(await openTestStore({ index: interrupted(index, due) })), clock };
  onTestFinished(async () => {
    const faults = await inconsistencies(index, opened.blobs);
    await opened[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
  });
});

function due() {
  const first = meanwhile;
  meanwhile = undefined;
  return first;
}

type Said = Parameters<typeof specOf>[0];

async function push(said: Partial<Said> = {}, content: Uint8Array = bytes): Promise<Artifact> {
  const spec = specOf({ session: 's', name: 'a', ...said });
  return (await opened.store.uploads.create(tester, spec, content)).artifact;
}

function pushDigest(said: Partial<Said> = {}, digest = digestOf(bytes)) {
  return opened.store.uploads.createByDigest(tester, specOf({ session: 's', name: 'b', ...said }), digest);
}

describe('content by digest', () => {
  it('needs a witness that has not expired', async () => {
    await push({ ttlMs: 1_000 });
    expect((await pushDigest({ ttlMs: 500 })).artifact.sha256).toBe(sha256(bytes));
    opened.clock.now += 1_000;
    await expect(pushDigest({ name: 'c' })).rejects.toMatchObject(notFound);
  });

  it('needs a witness that has not been deleted', async () => {
    const { id } = await push();
    await opened.store.artifacts.delete(tester, { id });
    await expect(pushDigest()).rejects.toMatchObject(notFound);
  });

  it('is found behind any number of witnesses that are no use', async () => {
    for (let at = 0; at < 600; at++) await push({ name: `n${at}`, ttlMs: 1_000 });
    const held = await push({ name: 'held', ttlMs: 1_000 });
    await opened.store.artifacts.update(tester, { id: held.id }, { hold: true });
    for (let at = 0; at < 10; at++) await push({ name: `m${at}`, ttlMs: 1_000 });
    opened.clock.now += 1_000;
    expect((await pushDigest()).receipt.bytesSaved).toBe(bytes.length);
  });

  it('is not a witness for content of another size', async () => {
    await push();
    for (const sizeBytes of [0, bytes.length - 1, bytes.length + 1])
      await expect(pushDigest({}, { ...digestOf(bytes), sizeBytes })).rejects.toMatchObject(notFound);
  });

  it('with a lie about the size is never taken for what is there', async () => {
    await push();
    const lie = { ...digestOf(bytes), sizeBytes: bytes.length + 1 };
    await expect(pushDigest({ name: 'a' }, lie)).rejects.toMatchObject(notFound);
    await expect(pushDigest({ name: 'a', requestId: 'r' }, lie)).rejects.toMatchObject(notFound);
    expect((await pushDigest({ name: 'a', requestId: 'r' })).receipt).toMatchObject({
      deduplicated: true,
      replayed: false,
    });
  });

  it('contradicting what the spec asserts is refused, whether it is there or not', async () => {
    const other = sha256(Buffer.from('x'));
    for (const isThere of [false, true]) {
      if (isThere) await push();
      await expect(pushDigest({ sha256: other })).rejects.toMatchObject({
        reason: 'DIGEST_MISMATCH',
        violations: [{ field: 'sha256' }],
        metadata: { expected: other, actual: sha256(bytes) },
      });
      await expect(pushDigest({ sizeBytes: 8 })).rejects.toMatchObject({
        reason: 'SIZE_MISMATCH',
        violations: [{ field: 'size_bytes' }],
        metadata: { expected: '8', actual: '7' },
      });
    }
    const { receipt } = await pushDigest({ sha256: sha256(bytes), sizeBytes: 7 });
    expect(receipt.bytesSaved).toBe(7);
  });

  it('whose witness is deleted before the commit is refused by the commit', async () => {
    const { id } = await push({}, someBytes(50_000));
    meanwhile = async () => void (await opened.store.artifacts.delete(tester, { id }));
    const digest = digestOf(someBytes(50_000));
    await expect(pushDigest({}, digest)).rejects.toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
    expect(meanwhile).toBeUndefined();
  });

  it('whose witness expires before the commit is refused by the commit', async () => {
    await push({ ttlMs: 1_000 });
    meanwhile = async () => {
      opened.clock.now += 1_000;
    };
    await expect(pushDigest()).rejects.toMatchObject(notFound);
    expect(meanwhile).toBeUndefined();
  });

  it('is what the latest version has, or a new version', async () => {
    const { id } = await push({ name: 'b' });
    expect(await pushDigest()).toMatchObject({ artifact: { id }, receipt: { deduplicated: true } });
    await push({ name: 'b' }, Buffer.from('else'));
    expect(await pushDigest()).toMatchObject({
      artifact: { version: 3 },
      receipt: { deduplicated: false, bytesSaved: bytes.length },
    });
  });
});

describe('an input', () => {
  const refused = (at: number, id: string) => ({
    reason: 'INPUT_NOT_FOUND',
    violations: [{ field: `inputs[${at}]` }],
    metadata: { artifact: id },
  });

  it('that has expired is refused', async () => {
    const there = await push({ name: 'there' });
    const { id } = await push({ ttlMs: 1_000 });
    const inputs = [there.id, id];
    opened.clock.now += 999;
    expect((await push({ name: 'b', inputs })).inputs).toEqual(inputs);
    opened.clock.now += 1;
    await expect(push({ name: 'c', inputs })).rejects.toMatchObject(refused(1, id));
    await expect(pushDigest({ name: 'c', inputs })).rejects.toMatchObject(refused(1, id));
    // Also where the latest version would be returned.
    await expect(push({ name: 'b', inputs })).rejects.toMatchObject(refused(1, id));
  });

  it('that is held is there, whatever its expiry', async () => {
    const { id } = await push({ ttlMs: 1_000 });
    await opened.store.artifacts.update(tester, { id }, { hold: true });
    opened.clock.now += 1_000;
    expect((await push({ name: 'b', inputs: [id] })).inputs).toEqual([id]);
  });

  it('that is deleted before the commit is refused', async () => {
    const { id } = await push();
    meanwhile = async () => void (await opened.store.artifacts.delete(tester, { id }));
    await expect(push({ name: 'b', inputs: [id] })).rejects.toMatchObject(refused(0, id));
  });
});
