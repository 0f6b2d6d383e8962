/** API keys that have ended are told of for thirty days, whether or not the reaper has been. */
import { expect, test } from 'vitest';
import { keys } from '../../src/index/keys.ts';
import { tester } from '../support/specs.ts';
import { openRig } from './open-rig.ts';
import { day, reasonOf } from './rig.ts';

test.each([false, true])('reaped at every step: %s', async (reaps) => {
  const rig = await openRig();
  const { apiKeys } = rig.store;
  const make = (ttlMs?: number) =>
    apiKeys.create({
      namespace: tester.namespace,
      description: '',
      scopes: ['read'],
      operator: false,
      expireTime: ttlMs === undefined ? undefined : rig.clock.now + ttlMs,
    });
  const stays = await make();
  const expires = await make(10 * day);
  const revoked = await make();
  const both = await make(20 * day);
  const late = await make(day);
  const names = ['stays', 'expires', 'revoked', 'both', 'late'];
  const ids = [stays, expires, revoked, both, late].map(({ key }) => key.id);
  const told = async () => {
    const query = { namespace: undefined, pageToken: '', pageSize: 100, showEnded: true };
    if (reaps) await rig.reap();
    const { items } = await apiKeys.list(tester, query);
    return names.filter((_name, at) => items.some(({ id }) => id === ids[at]));
  };
  const refusal = (secret: string) =>
    apiKeys.authenticate(secret).then(
      () => 'good',
      (error: Error) => error.message,
    );

  await apiKeys.revoke(revoked.key.id);
  rig.pass(5 * day);
  await apiKeys.revoke(both.key.id);
  await apiKeys.revoke(late.key.id); // It had expired four days before.
  expect(await told()).toEqual(names);
  rig.pass(25 * day - 1);
  expect(await told()).toEqual(names);
  expect(await refusal(revoked.secret)).toBe('the API key was revoked');
  rig.pass(1); // 30 days
  expect(await told()).toEqual(['stays', 'expires', 'both', 'late']);
  expect(await refusal(revoked.secret)).toBe('the API key is not valid');
  rig.pass(day);
  expect(await told()).toEqual(['stays', 'expires', 'both']);
  rig.pass(4 * day - 1);
  expect(await told()).toEqual(['stays', 'expires', 'both']);
  rig.pass(1); // 35 days
  expect(await told()).toEqual(['stays', 'expires']);
  rig.pass(5 * day - 1);
  expect(await told()).toEqual(['stays', 'expires']);
  expect(await refusal(expires.secret)).toBe('the API key has expired');
  rig.pass(1); // 40 days
  expect(await told()).toEqual(['stays']);
  for (const id of ids.slice(1)) expect(await reasonOf(apiKeys.revoke(id))).toBe('API_KEY_NOT_FOUND');
  expect(await refusal(expires.secret)).toBe('the API key is not valid');

  let rows = 0;
  for await (const block of rig.index.scan(keys.credentials.apiKey.range())) rows += block.length;
  expect(rows).toBe(reaps ? 1 : 5);
});
