/** Downloads by the client that may come from the bucket: what it asks there, and what it does when the bucket fails. */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import type { Store } from '../../src/client/store.ts';
import { connect as connectWeb } from '../../src/client/web/connect.ts';
import { type HttpRig, openHttpRig } from '../server/http/listeners.ts';
import { create, someBytes } from '../support/calls.ts';
import type { FakeGcs } from '../support/gcs/server.ts';
import { openSigningBucket } from '../support/gcs/signing-bucket.ts';

const bytes = Buffer.from(someBytes(600_000));
const ref = { session: 's', name: 'a.bin' };
const timeoutMs = 3_000;

const namespace = 'default';

const ways: Readonly<Record<string, (rig: HttpRig) => Promise<Store>>> = {
  gRPC: (rig) => connect(`grpc://${rig.server.addresses.grpc}`, { timeoutMs, namespace }),
  'Connect over HTTP/1.1': (rig) => connect(rig.url, { timeoutMs, namespace }),
  'fetch of a page': (rig) => connectWeb(rig.url, { timeoutMs, namespace }),
};

let fake: FakeGcs;
let rig: HttpRig;
let client: Store;
let readsBefore: number;

beforeEach(async () => {
  const bucket = await openSigningBucket();
  fake = bucket.fake;
  const redirects = { hasLinks: false, bytesMin: 1 };
  const opened = await openHttpRig({ blobs: bucket.blobs, inlineBytesMax: 0, redirects });
  onTestFinished(() => opened[Symbol.asyncDispose]());
  rig = opened;
  await create(rig, ref, bytes);
  readsBefore = fake.count('read');
});

/** The reads by signed URLs, and by the service. */
function asked(): number[] {
  return [fake.count('signed'), fake.count('read') - readsBefore];
}

async function use(way: (rig: HttpRig) => Promise<Store>): Promise<void> {
  const opened = await way(rig);
  onTestFinished(() => opened.close());
  client = opened;
}

async function downloaded(options: Parameters<Store['open']>[1] = { redirect: true }): Promise<Buffer> {
  return Buffer.from(await (await client.open(ref, options)).bytes());
}

describe.each(Object.entries(ways))('a client over %s', (_name, way) => {
  beforeEach(() => use(way));

  it('gets the bytes there, without sending credentials', async () => {
    expect((await downloaded()).equals(bytes)).toBe(true);
    expect(asked()).toEqual([1, 0]);
    const [head] = fake.signedHeads;
    expect(Object.keys(head!).filter((name) => /authorization|artifacta|cookie|referer/.test(name))).toEqual(
      [],
    );
  });

  it('gets them from the service unless it asks', async () => {
    expect((await downloaded({})).equals(bytes)).toBe(true);
    expect(asked()).toEqual([0, 1]);
  });

  it('gets ranges there', async () => {
    const part = await downloaded({ redirect: true, offset: 1_000, limit: 5_000 });
    expect(part.equals(bytes.subarray(1_000, 6_000))).toBe(true);
    const rest = await downloaded({ redirect: true, offset: 599_990 });
    expect(rest.equals(bytes.subarray(599_990))).toBe(true);
    expect(asked()).toEqual([2, 0]);
  });

  it('gets from the service what the bucket does not send', async () => {
    fake.fail('signed', { cutAfter: 200_000 });
    expect((await downloaded()).equals(bytes)).toBe(true);
    expect(asked()).toEqual([1, 1]);
  });
});

describe('if the bucket fails', () => {
  beforeEach(() => use(ways.gRPC!));

  const skew = (ms: number) => () => {
    fake.buckets.now = () => Date.now() + ms;
  };
  const forget = () => {
    fake.account = undefined;
  };
  it.each([
    ['its clock is far ahead', skew(3_600_000)],
    ['its clock is far behind', skew(-3_600_000)],
    ['it does not know the account', forget],
    ['it answers 503', () => fake.fail('signed', { status: 503 })],
    ['it cannot be reached', () => fake.fail('signed', 'reset')],
    ['it says nothing', () => fake.fail('signed', 'stall')],
    ['it falls silent', () => fake.fail('signed', { cutAfter: 200_000, end: 'stall' })],
  ])('the bytes come from the service: %s', { timeout: 60_000 }, async (_how, arrange) => {
    arrange();
    expect((await downloaded()).equals(bytes)).toBe(true);
    expect(asked()).toEqual([1, 1]);
  });

  it('so does the rest of a range', async () => {
    fake.fail('signed', { cutAfter: 1_000 });
    const part = await downloaded({ redirect: true, offset: 1_000, limit: 5_000 });
    expect(part.equals(bytes.subarray(1_000, 6_000))).toBe(true);
  });

  it('bytes that are not those that were stored are noticed', async () => {
    fake.fail('signed', 'corrupt');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await expect(downloaded()).rejects.toMatchObject({
      code: 'DATA_LOSS',
      metadata: { expected: sha256 },
      message: expect.stringContaining('download it without "redirect"'),
    });
  });

  it('a client that gives up does not ask the service', async () => {
    fake.fail('signed', { cutAfter: 200_000, end: 'stall' });
    const given = new AbortController();
    const download = await client.open(ref, { redirect: true, signal: given.signal });
    const reading = (async () => {
      for await (const _piece of download) given.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(asked()).toEqual([1, 0]);
  });
});
