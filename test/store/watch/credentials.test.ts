/** Watches end with what they came with. */
import { describe, expect, it } from 'vitest';
import { parseSessionId } from '../../../src/domain/names.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { TestStore } from '../../support/service.ts';
import { tester } from '../../support/specs.ts';
import { opened, push, session, take, told, watch } from './watch-rig.ts';

describe('a watch', () => {
  it('ends when the time of its credentials has come', async () => {
    const store = await opened();
    await push(store, 'a');
    const events = watch(store, {}, { by: { ...tester, expireTime: store.clock.now + 20_000 } });
    await take(events, 1);
    store.clock.now += 15_000;
    await push(store, 'b');
    expect(await take(events, 1)).toEqual(['2 b']);
    const next = events.next();
    store.clock.now += 4_999;
    store.timers.advance(1_000);
    await push(store, 'c');
    expect(told((await next).value)).toBe('3 c');
    const last = events.next();
    store.clock.now += 1;
    store.timers.advance(1_000);
    await expect(last).rejects.toMatchObject({
      reason: 'UNAUTHENTICATED',
      message: expect.stringMatching(/expired/),
    });
  });
});

describe('a watch with an API key that is revoked', () => {
  /** Who has a key, and who has a token that was minted with it. */
  async function keyed({ store }: TestStore) {
    const { secret, key } = await store.apiKeys.create({
      namespace: tester.namespace,
      description: '',
      scopes: ['read'],
      operator: false,
      expireTime: undefined,
    });
    const by = await store.apiKeys.authenticate(secret);
    const child: Principal = { ...by, subject: 'tok_1', restriction: { sessions: new Set([session]) } };
    return { by, child, revoke: () => store.apiKeys.revoke(key.id) };
  }
  const revoked = { reason: 'UNAUTHENTICATED', message: 'the credentials were revoked' };

  it('ends within a second, however it waits, and so do those of the tokens of the key', async () => {
    const store = await opened();
    await push(store, 'a');
    const { by, child, revoke } = await keyed(store);
    const later = parseSessionId('session', 'later');
    const all = [
      watch(store, {}, { by }),
      watch(store, { after: 1 }, { by: child }),
      watch(store, { sealOnly: true }, { by }),
      watch(store, { session: later, waitForOpen: true }, { by }),
    ];
    await take(all[0]!, 1);
    const ends = all.map((events) => events.next());
    const untouched = watch(store, { after: 1 });
    const other = untouched.next();
    await expect.poll(() => store.timers.count).toBeGreaterThanOrEqual(all.length + 2);
    await revoke();
    store.timers.advance(999);
    for (const end of ends) await expect(end).rejects.toMatchObject(revoked);
    await push(store, 'b');
    expect(told((await other).value)).toBe('2 b');
    await untouched.return?.();
    expect(store.timers.count).toBe(0);
  });

  it('ends also while it catches up, and if that was before it began', async () => {
    const store = await opened();
    for (const name of ['a', 'b', 'c']) await push(store, name);
    const { by, revoke } = await keyed(store);
    const events = watch(store, {}, { by });
    await take(events, 1);
    await revoke();
    store.timers.advance(999);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(events.next()).rejects.toMatchObject(revoked);
    await expect(watch(store, {}, { by }).next()).rejects.toMatchObject(revoked);
  });

  it('is looked at once a second for all who watch with it', async () => {
    const index = await openMemoryIndex({ clock: () => 0 });
    let looks = 0;
    const counting: Index = Object.create(index, {
      getMany: {
        value: (wanted: Parameters<Index['getMany']>[0]) => {
          looks += wanted.filter((key) => key[0] === keys.credentials.apiKey.code).length;
          return index.getMany(wanted);
        },
      },
    });
    const store = await opened({ index: counting });
    const { timers } = store;
    await push(store, 'a');
    const { by, revoke } = await keyed(store);
    const ends = Array.from({ length: 50 }, () => watch(store, { after: 1 }, { by }).next());
    await expect.poll(() => timers.count).toBe(51);
    looks = 0;
    for (let second = 1; second <= 5; second++) {
      timers.advance(900);
      await expect.poll(() => timers.count).toBe(51);
      expect(looks).toBe(second);
    }
    await revoke();
    timers.advance(900);
    for (const end of ends) await expect(end).rejects.toMatchObject(revoked);
    expect(looks).toBe(6);
  });
});
