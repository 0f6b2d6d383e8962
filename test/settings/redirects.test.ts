/** The settings of redirects to a bucket. */
import { expect, it } from 'vitest';
import { readServeConfig } from '../../src/settings/config.ts';
import { settings } from '../../src/settings/settings.ts';

const home = { HOME: '/home/me' };
const inBucket = ['--blobs', 'gs://bucket/store'];
const redirects = (...args: string[]) => readServeConfig([...inBucket, ...args], home).redirects;

it('say whom, and from which size on', () => {
  const bytesMin = Number(settings.redirectBytesMin.default);
  expect(redirects()).toBeUndefined();
  expect(redirects('--redirect-downloads', 'off', '--redirect-bytes-min', '1')).toBeUndefined();
  expect(redirects('--redirect-downloads', 'clients')).toEqual({ hasLinks: false, bytesMin });
  const links = redirects('--redirect-downloads', 'links', '--redirect-bytes-min', '64MiB');
  expect(links).toEqual({ hasLinks: true, bytesMin: 64 * 1024 ** 2 });
  expect(readServeConfig(['--redirect-downloads', 'off'], home).redirects).toBeUndefined();
});

it.each<[readonly string[], Record<string, string>, string]>([
  [
    ['--redirect-downloads', 'clients'],
    {},
    '--redirect-downloads: must be off, or the contents must be in a bucket',
  ],
  [
    ['--redirect-downloads', 'all', ...inBucket],
    {},
    '--redirect-downloads: must be off, clients or links, not all',
  ],
  [
    inBucket,
    { ARTIFACTA_REDIRECT_DOWNLOADS: 'true' },
    'ARTIFACTA_REDIRECT_DOWNLOADS: must be off, clients or links',
  ],
  [['--redirect-bytes-min', 'much'], {}, '--redirect-bytes-min: must be a number of bytes'],
  [
    inBucket,
    { ARTIFACTA_REDIRECT_BYTES_MIN: '-1' },
    'ARTIFACTA_REDIRECT_BYTES_MIN: must be a number of bytes',
  ],
])('that cannot be used are named with the reason: %j %j', (args, env, expected) => {
  expect(() => readServeConfig(args, { ...home, ...env })).toThrow(expected);
});
