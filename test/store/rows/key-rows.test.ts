/** When a key is good, by its record alone. */
import { expect, it } from 'vitest';
import { parseNamespace } from '../../../src/domain/names.ts';
import { isEnded } from '../../../src/store/rows/key-rows.ts';

const record = {
  ns: parseNamespace('namespace', 'default'),
  secretHash: '',
  description: '',
  scopes: [],
  operator: false,
  createTime: 1_000,
};

it('a key is not good from its revocation on, also for a process whose clock is behind', () => {
  expect(isEnded(record, 4_000)).toBe(false);
  expect(isEnded({ ...record, revokeTime: 5_000 }, 4_000)).toBe(true);
  expect(isEnded({ ...record, expireTime: 5_000 }, 4_000)).toBe(false);
  expect(isEnded({ ...record, expireTime: 5_000 }, 5_000)).toBe(true);
});
