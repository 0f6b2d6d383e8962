/** The places from which a client takes bytes that a service sends it to. */
import { expect, it } from 'vitest';
import { BucketFailure, bucketBytes } from '../../src/client/artifacts/bucket-bytes.ts';
import { nodePlatform } from '../../src/client/wire/node-platform.ts';

function fetching(url: string) {
  const asked: string[] = [];
  const platform = {
    ...nodePlatform,
    fetch: async (to: string | URL | Request) => {
      asked.push(String(to));
      return new Response('abc');
    },
  };
  const wanted = { offset: 0, length: 3, isWhole: true };
  const bytes = bucketBytes({ platform, timeoutMs: 10_000 }, url, wanted, new AbortController().signal);
  return { asked, all: Array.fromAsync(bytes) };
}

it.each([
  'https://storage.googleapis.com/b/o?x=y',
  'http://127.0.0.1:4443/b/o',
  'http://[::1]:1/o',
  'http://localhost/o',
])('are asked by TLS, or on this machine: %s', async (url) => {
  const { asked, all } = fetching(url);
  expect(Buffer.concat(await all).toString()).toBe('abc');
  expect(asked).toEqual([url]);
});

it.each([
  'http://storage.googleapis.com/o',
  'http://127.0.0.1.example.org/o',
  'file:///etc/passwd',
  'data:,abc',
  'o',
  '',
])('are not asked otherwise: %j', async (url) => {
  const { asked, all } = fetching(url);
  await expect(all).rejects.toBeInstanceOf(BucketFailure);
  expect(asked).toEqual([]);
});
