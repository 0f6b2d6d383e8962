/** What is decided about answers, retries and settings, without a request. */
import { describe, expect, it } from 'vitest';
import { Crc32c } from '../../../src/blobs/crc32c.ts';
import { meaningOf, persistedBytes, refusalOf, whoseIs } from '../../../src/blobs/gcs/answers.ts';
import { bucketWarnings } from '../../../src/blobs/gcs/bucket-state.ts';
import { RetryAllowance, retryDelay } from '../../../src/blobs/gcs/retries.ts';
import { bucketAddressText, parseBucketAddress } from '../../../src/domain/system/bucket-address.ts';

describe('the meaning of an answer', () => {
  it.each([
    [200, '', 'done'],
    [204, '', 'done'],
    [408, '', 'again'],
    [429, '', 'again'],
    [500, '', 'again'],
    [503, '', 'again'],
    [401, 'authError', 'forbidden'],
    [403, 'forbidden', 'forbidden'],
    [403, 'rateLimitExceeded', 'again'],
    [403, 'userRateLimitExceeded', 'again'],
    [403, 'retentionPolicyNotMet', 'kept'],
    [403, 'objectUnderActiveHold', 'kept'],
    [404, 'notFound', 'absent'],
    [410, '', 'absent'],
    [412, 'conditionNotMet', 'taken'],
    [416, '', 'beyond'],
    [308, '', 'other'],
    [400, 'invalid', 'other'],
  ] as const)('of %i %s is %s', (status, reason, meaning) => {
    expect(meaningOf(status, reason)).toBe(meaning);
  });

  it('is explained in the words of the bucket, in one line', () => {
    const body = JSON.stringify({ error: { message: 'No.\nReally.', errors: [{ reason: 'forbidden' }] } });
    const no = { meaning: 'forbidden', status: 403, message: 'No.', retryAfterMs: undefined };
    expect(refusalOf(403, undefined, body)).toEqual(no);
    const busy = { meaning: 'again', status: 503, message: 'no explanation', retryAfterMs: 3_000 };
    expect(refusalOf(503, '3', '')).toEqual(busy);
    expect(refusalOf(503, 'Wed, 21 Oct 2026 07:28:00 GMT', '<html>')).toMatchObject({
      message: '<html>',
      retryAfterMs: undefined,
    });
  });

  it('counts the bytes that the bucket has of an upload', () => {
    expect(persistedBytes('bytes=0-262143')).toBe(262_144);
    for (const nothing of [undefined, '', 'bytes=5-9', 'bytes=0-']) expect(persistedBytes(nothing)).toBe(0);
  });
});

describe('an object where one was to be created', () => {
  const sent = { writer: 'w', upload: 'u', sizeBytes: 3, crc32c: 'c' };
  const found = { ...sent, generation: '1', createTimeMs: 0 };
  it.each([
    [{}, 'ours'],
    [{ sizeBytes: 4 }, 'altered'],
    [{ crc32c: 'd' }, 'altered'],
    [{ upload: 'v' }, 'reused'],
    [{ writer: 'x' }, 'foreign'],
    [{ writer: '', upload: '' }, 'foreign'],
  ] as const)('with %j is %s', (other, whose) => {
    expect(whoseIs({ ...found, ...other }, sent)).toBe(whose);
  });
});

describe('retries', () => {
  it('are one for ten requests over a minute, and a few for a quiet service', () => {
    let now = 0;
    const allowance = new RetryAllowance(() => now);
    const retries = () => {
      let count = 0;
      while (allowance.takeRetry()) count++;
      return count;
    };
    expect(retries()).toBe(20);
    for (let n = 0; n < 1_000; n++) allowance.noteRequest();
    expect(retries()).toBe(80); // 100 in all
    now = 59_999;
    expect(retries()).toBe(0);
    now = 60_000;
    expect(retries()).toBe(20);
  });

  it('wait a random part of a time that doubles, never beyond the deadline', () => {
    const most = [1, 2, 3, 4, 5, 6, 7, 8].map((tries) => retryDelay(tries, { random: 1, leftMs: 1e6 }));
    expect(most).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(retryDelay(3, { random: 0.5, leftMs: 1e6 })).toBe(200);
    expect(retryDelay(3, { random: 0, leftMs: 1e6, askedMs: 700 })).toBe(700);
    expect(retryDelay(3, { random: 1, leftMs: 400 })).toBeUndefined();
    expect(retryDelay(1, { random: 0, leftMs: 1_000, askedMs: 2_000 })).toBeUndefined();
  });
});

describe('the CRC32C', () => {
  it('is that of the API', () => {
    const crc = new Crc32c();
    expect(crc.text()).toBe('AAAAAA==');
    crc.update(Buffer.from('1234'));
    crc.update(Buffer.alloc(0));
    crc.update(Buffer.from('56789'));
    expect(crc.text()).toBe('4waSgw=='); // 0xE3069283, the check value of the algorithm
  });
});

describe('the settings of a bucket', () => {
  const warnings = (settings: Parameters<typeof bucketWarnings>[1]) => bucketWarnings('gs://b/p', settings);

  it('are good as they are made', () => {
    expect(warnings({})).toEqual([]);
    expect(warnings({ versioning: { enabled: false }, lifecycle: {} })).toEqual([]);
  });

  it('are warned of if they cost space or destroy contents', () => {
    expect(warnings({ versioning: { enabled: true } })).toEqual([expect.stringContaining('old versions')]);
    expect(warnings({ retentionPolicy: { retentionPeriod: '3600' } })).toEqual([
      expect.stringContaining('3600 seconds'),
    ]);
    const rule = (type: string, condition: Record<string, unknown>) =>
      warnings({ lifecycle: { rule: [{ action: { type }, condition }] } });
    expect(rule('Delete', { age: 30 })).toEqual([expect.stringContaining('destroy contents')]);
    expect(rule('Delete', { age: 30, isLive: true })).toHaveLength(1);
    expect(rule('Delete', { age: 30, isLive: false })).toEqual([]);
    expect(rule('Delete', { daysSinceNoncurrentTime: 3 })).toEqual([]);
    expect(rule('AbortIncompleteMultipartUpload', { age: 1 })).toEqual([]);
    expect(rule('SetStorageClass', { age: 30 })).toEqual([]);
  });
});

describe('the address of a place', () => {
  it.each([
    ['gs://bucket', 'bucket', ''],
    ['gs://bucket/', 'bucket', ''],
    ['gs://my.bucket-1_x/a/b.c/d-e/', 'my.bucket-1_x', 'a/b.c/d-e'],
  ])('is read from %s', (text, bucket, prefix) => {
    expect(parseBucketAddress(text)).toEqual({ bucket, prefix });
    expect(bucketAddressText({ bucket, prefix })).toBe(text.replace(/\/$/, ''));
  });

  it.each(['', 'bucket', 's3://bucket/a', 'gs://', 'gs://ab', 'gs://Bucket', 'gs://a..b', 'gs://-ab/x'])(
    'is not "%s"',
    (text) => expect(parseBucketAddress(text)).toMatch(/^must /),
  );

  it.each([
    '//',
    '/a//b',
    '/../x',
    '/.x',
    '/a b',
    '/a?b',
    '/ä',
    `/${'x'.repeat(64)}`,
    `/${'xy/'.repeat(80)}z`,
  ])('has no prefix "%s"', (prefix) =>
    expect(parseBucketAddress(`gs://bucket${prefix}`)).toMatch(/^must have a prefix/),
  );
});
