/** Who calls, by what they present; and what happens to those who guess. */
import { describe, expect, it } from 'vitest';
import { authenticationOver } from '../../src/api/credentials.ts';
import { failedWith } from '../../src/domain/errors.ts';
import { limits } from '../../src/domain/limits.ts';
import { parseNamespace } from '../../src/domain/names.ts';
import type { Principal } from '../../src/domain/principal.ts';
import {
  type OutsideIdentity,
  type Presented,
  withoutAuthentication,
} from '../../src/identity/authentication.ts';
import { ChildTokens } from '../../src/identity/child-tokens.ts';
import { openTestStore } from '../support/service.ts';
import { tester } from '../support/specs.ts';

const outsider: OutsideIdentity = {
  subject: 'spiffe://td/a',
  namespace: 'default',
  scopes: ['read'],
  operator: false,
};

async function open(isRequired = true) {
  const opened = await openTestStore();
  const { store, clock } = opened;
  const time = { ms: 0 };
  const { authenticate } = authenticationOver(
    () => store,
    {
      isRequired,
      elapsed: () => time.ms,
      verifyJwt: async (token) => ({ ...outsider, subject: `jwt ${token}` }),
      identify: ({ subject }) => (subject === 'known' ? outsider : undefined),
    },
    () => clock.now,
  );
  const present = (presented: Partial<Presented>): Promise<Principal> =>
    authenticate({
      authorization: undefined,
      namespace: undefined,
      certificate: undefined,
      address: '192.0.2.1',
      isLocal: false,
      ...presented,
    });
  const key = await store.apiKeys.create({
    namespace: tester.namespace,
    description: '',
    scopes: ['read'],
    operator: false,
    expireTime: undefined,
  });
  return { ...opened, time, present, authenticate, ...key };
}

async function told(work: Promise<Principal>): Promise<string> {
  try {
    const { subject, namespace, operator } = await work;
    return `${subject} ${namespace}${operator ? ' operator' : ''}`;
  } catch (error) {
    return failedWith(error, (error as { reason: never }).reason) ? error.reason : String(error);
  }
}

describe('without anything', () => {
  it('callers on the network are refused where it is required, and guests where not', async () => {
    await using required = await open();
    await using optional = await open(false);
    expect(await told(required.present({}))).toBe('UNAUTHENTICATED');
    expect(await told(optional.present({ namespace: 'other' }))).toBe('local other');
    expect(await told(required.present({ isLocal: true, namespace: 'other' }))).toBe('local other operator');
  });

  it('a token that nobody can check is refused', async () => {
    const presented = {
      authorization: 'Bearer x',
      namespace: undefined,
      certificate: undefined,
      address: undefined,
    };
    expect(await told(withoutAuthentication({ ...presented, isLocal: true }))).toBe('UNAUTHENTICATED');
  });
});

describe('a token', () => {
  it('is never widened, whatever the listener', async () => {
    await using opened = await open(false);
    const authorization = `Bearer ${opened.secret}`;
    for (const isLocal of [true, false])
      expect(await told(opened.present({ authorization, isLocal }))).toBe(`${opened.key.id} default`);
  });

  it.each([
    ['nothing', ''],
    ['no scheme', 'ark_x'],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['two tokens', 'Bearer a, Bearer b'],
    ['non-ASCII', 'Bearer ö'],
    ['a control character', 'Bearer a\u0001'],
    ['ten megabytes', `Bearer ${'a'.repeat(10_000_000)}`],
    ['a wrong key', `Bearer ark_${'a'.repeat(16)}_${'A'.repeat(43)}`],
    ['a malformed key', 'Bearer ark_a'],
    ['a malformed child token', 'Bearer arc_a.b.c'],
  ])('that reads %s is refused', async (_what, authorization) => {
    await using opened = await open();
    expect(await told(opened.present({ authorization }))).toBe('UNAUTHENTICATED');
  });

  it('may name its own namespace, and no other, whether or not that exists', async () => {
    await using opened = await open();
    await opened.store.namespaces.ensure(parseNamespace('namespace', 'there'));
    const authorization = `Bearer ${opened.secret}`;
    expect(await told(opened.present({ authorization, namespace: 'default' }))).toBe(
      `${opened.key.id} default`,
    );
    for (const namespace of ['there', 'nowhere', '../x'])
      expect(await told(opened.present({ authorization, namespace }))).toBe('PERMISSION_DENIED');
  });

  it('of an operator may name every namespace', async () => {
    await using opened = await open();
    const { secret } = await opened.store.apiKeys.create({
      namespace: tester.namespace,
      description: '',
      scopes: [],
      operator: true,
      expireTime: undefined,
    });
    const presented = { authorization: `bearer ${secret}`, namespace: 'other' };
    expect(await told(opened.present(presented))).toMatch(/^key_\w+ other operator$/);
    expect(await told(opened.present({ ...presented, namespace: '../other' }))).toBe('INVALID_ARGUMENT');
  });

  it('that was minted ends with the key it rests on', async () => {
    await using opened = await open();
    const by = await opened.present({ authorization: `Bearer ${opened.secret}` });
    const { ChildTokens } = await import('../../src/identity/child-tokens.ts');
    const tokens = new ChildTokens(opened.store.tokenKey, () => opened.clock.now);
    const { token, principal } = await tokens.mint(by, {
      namespace: by.namespace,
      scopes: ['read'],
      sessions: undefined,
      sessionPrefixes: [],
      namePrefix: '',
      pushBytesMax: undefined,
      expireTime: opened.clock.now + 60_000,
    });
    const authorization = `Bearer ${token}`;
    expect(await told(opened.present({ authorization }))).toBe(`${principal.subject} default`);
    await opened.store.apiKeys.revoke(opened.key.id);
    expect(await told(opened.present({ authorization }))).toBe('UNAUTHENTICATED');
  });
});

describe('identities from outside', () => {
  it('come by other tokens and by certificates; a token counts for more', async () => {
    await using opened = await open();
    const known = { subject: 'known', uris: [], dns: [] };
    expect(await told(opened.present({ authorization: 'Bearer a.b.c' }))).toBe('ext:jwt a.b.c default');
    expect(await told(opened.present({ certificate: known }))).toBe('ext:spiffe://td/a default');
    expect(await told(opened.present({ certificate: { ...known, subject: 'stranger' } }))).toBe(
      'UNAUTHENTICATED',
    );
    expect(await told(opened.present({ certificate: known, authorization: 'Bearer ark_a' }))).toBe(
      'UNAUTHENTICATED',
    );
    const long = await opened.present({ authorization: `Bearer ${'a'.repeat(1_000)}` });
    expect(long.subject).toMatch(/^ext:[0-9a-f]{64}$/);
  });
});

describe('too many', () => {
  const wrong = (at: number) => `Bearer ark_${'a'.repeat(16)}_${String(at).padStart(43, '0')}`;

  it('wrong credentials from one network are refused unseen for a while, but not those who were good before', async () => {
    await using opened = await open();
    const good = `Bearer ${opened.secret}`;
    const address = '2001:db8:1:2::1';
    expect(await told(opened.present({ authorization: good, address }))).toBe(`${opened.key.id} default`);
    const guesses = await Promise.all(
      Array.from({ length: 1_000 }, async (_, at) =>
        told(opened.present({ authorization: wrong(at), address: `2001:db8:1:2::${at.toString(16)}` })),
      ),
    );
    const seen = guesses.filter((guess) => guess === 'UNAUTHENTICATED').length;
    expect(new Set(guesses)).toEqual(new Set(['UNAUTHENTICATED', 'OVERLOADED']));
    expect(seen).toBeGreaterThanOrEqual(limits.failuresAtOnceMax);
    expect(seen).toBeLessThan(limits.failuresAtOnceMax * 2);
    expect(await told(opened.present({ authorization: wrong(0), address }))).toBe('OVERLOADED');
    expect(await told(opened.present({ authorization: good, address }))).toBe(`${opened.key.id} default`);
    expect(await told(opened.present({ authorization: wrong(0), address: '2001:db8:1:3::1' }))).toBe(
      'UNAUTHENTICATED',
    );
    opened.time.ms += 3_600_000;
    expect(await told(opened.present({ authorization: wrong(0), address }))).toBe('UNAUTHENTICATED');
  });

  it('calls with one credential have to wait, and others do not', async () => {
    await using opened = await open();
    const authorization = `Bearer ${opened.secret}`;
    const calls = await Promise.all(
      Array.from({ length: limits.callsPerSecondMax * 3 }, () => told(opened.present({ authorization }))),
    );
    expect(calls.filter((call) => call !== 'OVERLOADED')).toHaveLength(limits.callsPerSecondMax * 2);
    expect(await told(opened.present({ authorization: 'Bearer a.b.c' }))).toBe('ext:jwt a.b.c default');
    opened.time.ms += 1_000;
    expect(await told(opened.present({ authorization }))).toBe(`${opened.key.id} default`);
  });

  it('tokens that were minted with a key, and with these, share its rate', async () => {
    await using opened = await open();
    const { secret: key, store, clock, present } = opened;
    const tokens = new ChildTokens(store.tokenKey, () => clock.now);
    const minted = async (minter: Principal) =>
      await tokens.mint(minter, {
        namespace: minter.namespace,
        scopes: ['read'],
        sessions: undefined,
        sessionPrefixes: [],
        namePrefix: '',
        pushBytesMax: undefined,
        expireTime: clock.now + 3_600_000,
      });
    const child = await minted(await present({ authorization: `Bearer ${key}` }));
    const grandchild = await minted(child.principal);
    const bearers = [key, child.token, grandchild.token];
    const calls = await Promise.all(
      Array.from({ length: limits.callsPerSecondMax * 3 }, (_, at) =>
        told(present({ authorization: `Bearer ${bearers[at % 3]}` })),
      ),
    );
    // The key itself was used once before, to mint.
    expect(calls.filter((call) => call !== 'OVERLOADED')).toHaveLength(limits.callsPerSecondMax * 2 - 1);
  });
});
