/** Signed URLs: what they open, for how long, and what happens when nothing can be signed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { BlobVersion } from '../../../src/blobs/blob-store.ts';
import { type GcsBlobs, openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { Signing } from '../../../src/blobs/gcs/signing.ts';
import { newDirectory } from '../../support/command.ts';
import { FakeGcs } from '../../support/gcs/server.ts';
import { type Account, makeAccount } from '../../support/gcs/signed.ts';
import { Workload } from '../../support/gcs/workload.ts';
import { content } from '../support.ts';

const name = `${'0'.repeat(12)}/ab/${'ab'.repeat(16)}`;
const bytes = content(10_000);
const shown = {
  contentType: 'text/plain; charset=utf-8',
  contentDisposition: `inline; filename="a & b.txt"; filename*=UTF-8''%E6%BC%A2%20(1).txt`,
};

let fake: FakeGcs;
let account: Account;
let directory: string;

beforeEach(async () => {
  directory = await newDirectory();
  fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  account = await makeAccount(directory);
  fake.account = account;
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', account.file);
  onTestFinished(() => void vi.unstubAllEnvs());
});

/** No time limit counts, however busy the machine is. */
const never = () => () => undefined;

async function opened(options: Partial<Parameters<typeof openGcsBlobs>[0]> = {}): Promise<GcsBlobs> {
  const address = { bucket: 'bucket', prefix: 'team (a)/störe' };
  const blobs = await openGcsBlobs({ address, endpoint: fake.endpoint, after: never, ...options });
  onTestFinished(() => blobs[Symbol.dispose]());
  await blobs.claimFor('store1');
  return blobs;
}

async function stored(blobs: GcsBlobs): Promise<BlobVersion> {
  await blobs.prepareNamespace('0'.repeat(12));
  await using staged = await blobs.stage(name);
  await staged.write(bytes);
  return (await staged.commit())!;
}

async function urlOf(blobs: GcsBlobs): Promise<string> {
  const { generation } = await stored(blobs);
  return (await blobs.readUrl(name, generation, shown))!.url;
}

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: { errors: [{ reason: string }] } }).error.errors[0].reason;
}

describe('a signed URL', () => {
  it('opens the object with the headers that were asked for, whole and in ranges', async () => {
    const url = await urlOf(await opened());
    const whole = await fetch(url);
    expect(whole.status).toBe(200);
    expect(whole.headers.get('content-type')).toBe(shown.contentType);
    expect(whole.headers.get('content-disposition')).toBe(shown.contentDisposition);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(url, { headers: { range: 'bytes=5-9' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 5-9/10000']);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(5, 10))).toBe(true);
  });

  it('is for one generation: what somebody has put in its place is not served', async () => {
    const url = await urlOf(await opened());
    const { name: objectName } = [...fake.buckets.bucket('bucket').values()].find(
      (one) => one.bytes.length === 10_000,
    )!;
    fake.buckets.put('bucket', { name: objectName, bytes: Buffer.from('other') });
    expect((await fetch(url)).status).toBe(404);
  });

  it('is good for no other object, generation or header, and for no other method', async () => {
    const url = await urlOf(await opened());
    const { generation } = Object.fromEntries(new URL(url).searchParams) as { generation: string };
    const changed = [
      url.replace(generation, String(BigInt(generation) + 1n)),
      url.replace('/blobs/', '/exports/'),
      url.replace('text%2Fplain', 'text%2Fhtml'),
      url.replace('X-Goog-Expires=60', 'X-Goog-Expires=6000'),
      `${url}&x=y`,
    ];
    for (const other of changed) {
      expect(other).not.toBe(url);
      expect(await codeOf(await fetch(other))).toBe('SignatureDoesNotMatch');
    }
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
    fake.account = { ...account, email: 'other@example.org' };
    expect((await fetch(url)).status).toBe(403);
  });

  it('is good for 60 seconds, of which 10 are before it was made', async () => {
    const madeMs = Math.floor(Date.now() / 1_000) * 1_000 + 500;
    const blobs = await opened({ now: () => madeMs });
    const { generation } = await stored(blobs);
    const { url, expireTimeMs } = (await blobs.readUrl(name, generation, shown))!;
    expect(expireTimeMs).toBe(madeMs - 500 + 50_000);
    expect(new URL(url).searchParams.get('X-Goog-Expires')).toBe('60');
    const at = async (afterMs: number) => {
      fake.buckets.now = () => madeMs + afterMs;
      const answer = await fetch(url);
      return answer.ok ? 'OK' : await codeOf(answer);
    };
    expect(await at(0)).toBe('OK');
    // The clock of the service is ahead, or behind.
    expect(await at(-10_500)).toBe('OK');
    expect(await at(-10_501)).toBe('AccessDenied');
    expect(await at(49_499)).toBe('OK');
    expect(await at(49_500)).toBe('ExpiredToken');
  });

  it('longer than 8 KiB is not made', async () => {
    const blobs = await opened();
    const { generation } = await stored(blobs);
    const contentDisposition = `attachment; filename="${'x'.repeat(8_000)}"`;
    expect(await blobs.readUrl(name, generation, { ...shown, contentDisposition })).toBeUndefined();
    expect(await blobs.readUrl(name, generation, shown)).toBeDefined();
  });
});

describe('with Workload Identity', () => {
  let workload: Workload;
  beforeEach(async () => {
    workload = await Workload.open(account);
    onTestFinished(() => workload[Symbol.asyncDispose]());
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('GCE_METADATA_HOST', workload.host);
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('HOME', directory);
  });

  it('the IAM service signs', async () => {
    const url = await urlOf(await opened({ signingEndpoint: workload.signingEndpoint }));
    expect((await fetch(url)).status).toBe(200);
    expect(workload.seen.filter((path) => path.includes('signBlob')).length).toBe(1);
  });

  it('an account that may not sign is reported once, and its readers are not delayed for a minute', async () => {
    workload.maySign = false;
    const warnings: string[] = [];
    let elapsedMs = 0;
    const warn = (message: string) => void warnings.push(message);
    const { signingEndpoint } = workload;
    const blobs = await opened({ signingEndpoint, warn, elapsed: () => elapsedMs });
    const { generation } = await stored(blobs);
    const tries = () => workload.seen.filter((path) => path.includes('signBlob')).length;
    expect(await blobs.readUrl(name, generation, shown)).toBeUndefined();
    expect(await blobs.readUrl(name, generation, shown)).toBeUndefined();
    expect(tries()).toBe(1);
    elapsedMs += 60_000;
    expect(await blobs.readUrl(name, generation, shown)).toBeUndefined();
    expect(tries()).toBe(2);
    expect(warnings).toEqual([
      expect.stringMatching(/no URL can be signed: .*signBlob.* denied.*roles\/iam/),
    ]);
    workload.maySign = true;
    elapsedMs += 60_000;
    expect((await fetch((await blobs.readUrl(name, generation, shown))!.url)).status).toBe(200);
  });
});

it('credentials of a person cannot sign, which is reported without what is in them', async () => {
  const file = join(directory, 'person.json');
  const person = {
    type: 'authorized_user',
    client_id: 'i',
    client_secret: 'hidden1',
    refresh_token: 'hidden2',
  };
  await writeFile(file, JSON.stringify(person));
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
  const warnings: string[] = [];
  const blobs = await opened({ warn: (message) => void warnings.push(message) });
  const { generation } = await stored(blobs);
  expect(await blobs.readUrl(name, generation, shown)).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining('client_email')]);
  expect(warnings[0]).not.toContain('hidden');
});

describe('a signature that does not come', () => {
  const ask = { bucket: 'bucket', object: 'o', generation: '1', ...shown };
  function waiting() {
    const due: (() => void)[] = [];
    const warnings: string[] = [];
    const signing = new Signing({
      access: { sign: () => new Promise(() => undefined) },
      place: 'gs://bucket',
      warn: (message) => void warnings.push(message),
      now: Date.now,
      elapsed: () => 0,
      after: (_delayMs, task) => {
        due.push(task);
        return () => void due.splice(due.indexOf(task), 1);
      },
    });
    return { due, warnings, signing };
  }

  it('is waited for three seconds', async () => {
    const { due, warnings, signing } = waiting();
    const url = signing.url(ask);
    due[0]!();
    expect(await url).toBeUndefined();
    expect(warnings.length).toBe(1);
    expect(due).toEqual([]);
  });

  it('is not waited for when the reader has gone, which says nothing about signing', async () => {
    const { due, warnings, signing } = waiting();
    const gone = new AbortController();
    const url = signing.url(ask, gone.signal);
    gone.abort(new Error('gone'));
    await expect(url).rejects.toThrow('gone');
    await expect(signing.url(ask, gone.signal)).rejects.toThrow('gone');
    expect([due, warnings]).toEqual([[], []]);
  });
});
