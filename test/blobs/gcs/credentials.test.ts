/** Credentials by the library, as a pod gets them from the metadata server: they end while a content is on its way. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openAccess } from '../../../src/blobs/gcs/access.ts';
import { GcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { afterAwaitedTime } from '../../../src/domain/timer.ts';
import { FakeGcs } from '../../support/gcs/server.ts';
import { collect, content, expectSame, publish } from '../support.ts';

vi.setConfig({ testTimeout: 60_000 });

const MiB = 1024 * 1024;
const name = 'ns1/0a/upload-1';
const address = { bucket: 'bucket', prefix: 'store' };
const variables = { METADATA_SERVER_DETECTION: 'assume-present', GCE_METADATA_HOST: '' };

let stack: AsyncDisposableStack;
let fake: FakeGcs;
let blobs: GcsBlobs;
/** The token that the metadata server hands out; undefined: none. */
let handedOut: string | undefined;
let tokens: number;
let probe: () => void;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  fake = stack.use(await FakeGcs.open());
  handedOut = 'first';
  tokens = 0;
  const metadata = createServer((request, response) => {
    const isToken = request.url!.includes('/service-accounts/default/token');
    if (isToken) tokens++;
    const isKnown = isToken && handedOut !== undefined;
    response.writeHead(isKnown ? 200 : 404, {
      'metadata-flavor': 'Google',
      'content-type': 'application/json',
    });
    response.end(
      isKnown ? JSON.stringify({ access_token: handedOut, expires_in: 3_600, token_type: 'Bearer' }) : '',
    );
  });
  await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
  stack.defer(() => new Promise((resolve) => metadata.close(() => resolve(undefined))));
  stack.defer(() => metadata.closeAllConnections());
  const host = `127.0.0.1:${(metadata.address() as AddressInfo).port}`;
  for (const [key, value] of Object.entries({ ...variables, GCE_METADATA_HOST: host })) {
    const before = process.env[key];
    stack.defer(() => {
      if (before === undefined) delete process.env[key];
      else process.env[key] = before;
    });
    process.env[key] = value;
  }
  const access = await openAccess({ endpoint: fake.endpoint, sendsCredentials: true });
  const after = (delayMs: number, task: () => void) => {
    if (delayMs !== 5_000) return afterAwaitedTime(delayMs, task);
    probe = task;
    return () => {};
  };
  blobs = stack.use(new GcsBlobs({ address, endpoint: fake.endpoint, random: () => 0, after }, access));
  fake.token = 'first';
  await blobs.claimFor('store1');
  await blobs.prepareNamespace('ns1');
});
afterEach(() => stack.disposeAsync());

/** The bucket knows the first token no more. */
function end(next: string | undefined): void {
  fake.token = 'second';
  handedOut = next;
}

it('an upload goes on with new credentials', async () => {
  const bytes = content(10 * MiB);
  await using staged = await blobs.stage(name);
  await staged.write(bytes.subarray(0, 9 * MiB));
  await expect.poll(() => fake.count('put')).toBe(1);
  end('second');
  await staged.write(bytes.subarray(9 * MiB));
  await staged.commit();
  expectSame(fake.object(`store/blobs/${name}`)!.bytes, bytes);
  expect(blobs.trouble).toBeUndefined();
  expect(tokens).toBe(2);
});

it('so does a download that broke off, and it gives the same bytes', async () => {
  const bytes = content(3 * MiB + 3);
  await publish(blobs, name, bytes);
  fake.fail('read', { cutAfter: 2 * MiB });
  const reading = blobs.read(name, 0, bytes.length);
  const parts = [(await reading.next()).value as Uint8Array];
  end('second');
  for await (const part of reading) parts.push(part);
  expectSame(Buffer.concat(parts), bytes);
  expect(fake.count('read')).toBe(4); // one for the claim, three for the content
  expect(blobs.trouble).toBeUndefined();
});

it('many calls that are refused at once renew the credentials once', async () => {
  await publish(blobs, name, content(1_000));
  end('second');
  const all = Array.from({ length: 20 }, () => collect(blobs.read(name, 0, 1_000)));
  for (const bytes of await Promise.all(all)) expectSame(bytes, content(1_000));
  expect(tokens).toBe(2);
});

it.each(['first', undefined])(
  'a call without valid ones (%s) fails, says nothing of the bytes, and new ones are found without a call',
  async (next) => {
    const bytes = content(1_000);
    await publish(blobs, 'ns1/0a/upload-2', bytes);
    await using staged = await blobs.stage(name);
    await staged.write(content(9 * MiB));
    await expect.poll(() => fake.count('put')).toBe(1);
    end(next);
    const refused = { reason: 'STORE_UNAVAILABLE', message: expect.stringContaining('gs://bucket/store') };
    await expect(staged.commit()).rejects.toMatchObject(refused);
    await expect(collect(blobs.read('ns1/0a/upload-2', 0, bytes.length))).rejects.toMatchObject(refused);
    expect(blobs.trouble).toMatch(/may not be used .*credentials/);
    handedOut = 'second';
    probe();
    await expect.poll(() => blobs.trouble, { timeout: 10_000 }).toBeUndefined();
    expectSame(await collect(blobs.read('ns1/0a/upload-2', 0, bytes.length)), bytes);
    await publish(blobs, 'ns1/0a/upload-3', bytes);
  },
);
