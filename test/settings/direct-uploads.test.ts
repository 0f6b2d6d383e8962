/** The setting of uploads that go straight to a bucket. */
import { expect, it } from 'vitest';
import { readServeConfig } from '../../src/settings/config.ts';

const home = { HOME: '/home/me' };
const inBucket = ['--blobs', 'gs://bucket/store'];
const read = (args: readonly string[], env: Record<string, string> = {}) =>
  readServeConfig(args, { ...home, ...env }).directUploads;

it('says from which size on', () => {
  expect(read(inBucket)).toBeUndefined();
  expect(read([])).toBeUndefined();
  expect(read([...inBucket, '--direct-upload-bytes-min', '64MiB'])).toEqual({ bytesMin: 64 * 1024 ** 2 });
  expect(read(inBucket, { ARTIFACTA_DIRECT_UPLOAD_BYTES_MIN: '1' })).toEqual({ bytesMin: 1 });
});

it.each<[readonly string[], string]>([
  [['64MiB'], '--direct-upload-bytes-min: must not be given, or the contents must be in a bucket'],
  [['0', ...inBucket], '--direct-upload-bytes-min: must be at least 1'],
  [['much', ...inBucket], '--direct-upload-bytes-min: must be a number of bytes'],
])('that cannot be used is named with the reason: %j', (args, expected) => {
  expect(() => read(['--direct-upload-bytes-min', ...args])).toThrow(expected);
});
