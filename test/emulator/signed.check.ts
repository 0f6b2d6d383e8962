/**
 * Signed URLs against fake-gcs-server. It checks no signature and no time, but it knows the parameters that choose the
 * generation and the headers of an answer.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openGcsBlobs } from '../../src/blobs/gcs/blobs.ts';
import { content } from '../blobs/support.ts';
import { newDirectory } from '../support/command.ts';
import { makeAccount } from '../support/gcs/signed.ts';
import { bucket, Emulator } from './emulator.ts';

/** This server answers such paths only under the name of the service. */
async function get(url: string, headers: Record<string, string> = {}) {
  const asked = request(url, { headers: { host: 'storage.googleapis.com', ...headers } }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(await answer.toArray()) };
}

it('a signed URL opens one generation with the headers that were asked for, whole and in ranges', async () => {
  await using emulator = await Emulator.start();
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', (await makeAccount(await newDirectory())).file);
  onTestFinished(() => void vi.unstubAllEnvs());
  using blobs = await openGcsBlobs({ address: { bucket, prefix: 'team (a)/störe' }, endpoint: emulator.url });
  await blobs.claimFor('store1');
  await blobs.prepareNamespace('ns1');
  await using staged = await blobs.stage('ns1/0a/upload-1');
  await staged.write(content(10_000));
  const { generation } = (await staged.commit())!;
  const shown = {
    contentType: 'text/plain; charset=utf-8',
    contentDisposition: 'inline; filename="a & b.txt"',
  };
  const { url } = (await blobs.readUrl('ns1/0a/upload-1', generation, shown))!;
  const whole = await get(url);
  expect(whole.headers).toMatchObject({
    'content-type': shown.contentType,
    'content-disposition': shown.contentDisposition,
    'x-goog-generation': generation,
  });
  expect([whole.status, whole.bytes.equals(content(10_000))]).toEqual([200, true]);
  const part = await get(url, { range: 'bytes=5-9' });
  expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 5-9/10000']);
  expect(part.bytes.equals(content(10_000).subarray(5, 10))).toBe(true);
  expect((await get(url.replace(generation, String(BigInt(generation) + 1n)))).status).toBe(404);
});
