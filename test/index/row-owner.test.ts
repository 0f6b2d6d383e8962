/** Who owns the rows of each family, and that the check of the stores of tests finds a transaction that mixes owners. */
import { expect, it } from 'vitest';
import { keys } from '../../src/index/keys.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import type { ApiKeyRecord } from '../../src/index/records.ts';
import { rowOwner } from '../../src/index/row-owner.ts';
import { checkingOwners } from '../support/row-owners.ts';

const apiKey: ApiKeyRecord = {
  ns: 'a',
  secretHash: '',
  description: '',
  scopes: [],
  operator: true,
  createTime: 1,
};

it('a row belongs to the namespace in its key, to the store, or to the namespace in its record', () => {
  const { store, blobs, calls, credentials, sessions } = keys;
  expect(rowOwner(store.setting.key('format'), undefined)).toBe('');
  expect(rowOwner(store.namespace.key('a'), undefined)).toBe('a');
  expect(rowOwner(store.cameBack.key('artifact', 'a', 'x'), undefined)).toBe('a');
  expect(rowOwner(sessions.name.key('a', 's'), undefined)).toBe('a');
  expect(rowOwner(blobs.condemned.key(7, 'a', 'x'), undefined)).toBe('a');
  expect(rowOwner(calls.expiry.key(7, 'a', 'key', 'x'), undefined)).toBe('a');
  const { key } = credentials.apiKey.put(['key_x'], apiKey);
  expect(rowOwner(key, credentials.apiKey.encode(apiKey))).toBe('a');
  expect(rowOwner(key, undefined)).toBeUndefined();
  expect(() => rowOwner(Uint8Array.of(0xfe, 1), undefined)).toThrow(RangeError);
});

it('every family has columns that say who owns its rows', () => {
  for (const group of Object.values(keys))
    for (const family of Object.values(group)) expect([0, 1, 'store', 'value']).toContain(family.owner);
});

it('a transaction that writes or reads rows of another owner is found out', async () => {
  await using raw = await openMemoryIndex();
  const faults: string[] = [];
  const index = checkingOwners(raw, ({ message }) => faults.push(message.replace(/row \w+/, 'row')));
  const key = keys.credentials.apiKey.key('key_x');
  const read = keys.sessions.name.key('b', 's');
  await index.transact({
    ns: 'a',
    reads: [],
    *decide(tx) {
      tx.put(keys.credentials.apiKey, ['key_x'], apiKey);
      tx.put(keys.calls.expiry, [7, 'a', 'key', 'key_x'], true);
    },
  });
  const attempt = (ns: string, work: 'setting' | 'key' | 'other' | 'queue') =>
    index.transact({
      ns,
      reads: [key, read],
      *decide(tx) {
        // Another owner may have revoked it: this is read in any namespace.
        tx.get(keys.credentials.apiKey, 'key_x');
        if (work === 'setting') tx.put(keys.store.setting, ['format'], 1);
        if (work === 'key') tx.del(keys.credentials.apiKey, 'key_x');
        if (work === 'other') tx.value(read);
        if (work === 'queue') tx.del(keys.calls.expiry, 7, 'a', 'key', 'key_x');
      },
    });
  const works = ['setting', 'key', 'other', 'queue'] as const;
  const outcomes = await Promise.allSettled(works.map((work) => attempt('b', work)));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'rejected']);
  await expect(attempt('a', 'other')).rejects.toThrow('reads the row');
  expect(new Set(faults)).toEqual(
    new Set([
      'a transaction of the namespace b writes the row of the store as a whole',
      'a transaction of the namespace b writes the row of the namespace a',
      'a transaction of the namespace a reads the row of the namespace b',
    ]),
  );
  await attempt('', 'setting');
  await attempt('a', 'key');
});
