/** The artifacts that records describe. */
import { expect, it } from 'vitest';
import type { ArtifactRecord } from '../../../src/index/records.ts';
import { toArtifact } from '../../../src/store/rows/artifact-rows.ts';

const record = {
  id: 'art_1',
  uid: 'u',
  session: 's',
  name: 'n',
  version: 1,
  sha256: '0',
  size: 1,
  contentType: 'text/plain',
  metadata: [],
  inherited: [],
  labels: [],
  inputs: [],
  createTime: 1,
  feed: 1,
  hold: false,
  revision: 1,
} as unknown as ArtifactRecord;

it('the artifact of a record in memory is made again only if it differs', () => {
  const inMemory = Object.freeze({ ...record });
  const first = toArtifact(inMemory, true, { expireTime: 5 });
  expect(toArtifact(inMemory, true, { expireTime: 5 })).toBe(first);
  expect(first).toEqual(toArtifact(record, true, { expireTime: 5 }));
  for (const [isLatest, session] of [
    [false, { expireTime: 5 }],
    [true, { expireTime: 6 }],
    [true, {}],
    [true, undefined],
    [true, { expireTime: 5 }],
  ] as const)
    expect(toArtifact(inMemory, isLatest, session)).toEqual(toArtifact(record, isLatest, session));
});

it('the artifact of another record is its own', () => {
  expect(toArtifact(record, true, undefined)).not.toBe(toArtifact(record, true, undefined));
});
