/** Tokens for agents: they are what they were minted as, and never more than their minter. */
import { Buffer } from 'node:buffer';
import { decodeJwt, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { failedWith } from '../../src/domain/errors.ts';
import { parseNamespace, parseSessionId, parseSessionPrefix } from '../../src/domain/names.ts';
import type { Principal } from '../../src/domain/principal.ts';
import { tokenPrefixes } from '../../src/domain/tokens.ts';
import { ChildTokens, type Grant } from '../../src/identity/child-tokens.ts';

const start = 1_767_323_045_000;
const hour = 3_600_000;
const key = Buffer.alloc(32, 7);

const minter: Principal = {
  subject: 'key_a',
  apiKey: 'key_a',
  namespace: parseNamespace('namespace', 'default'),
  scopes: new Set(['read', 'write']),
  operator: false,
};

const grantOf = (more: Partial<Grant> = {}): Grant => ({
  namespace: minter.namespace,
  scopes: ['read'],
  sessions: undefined,
  sessionPrefixes: [],
  namePrefix: '',
  pushBytesMax: undefined,
  expireTime: start + hour,
  ...more,
});

const begun = (...texts: string[]) => texts.map((text) => parseSessionPrefix('prefix', text));
const ids = (...names: string[]) => names.map((name) => parseSessionId('session', name));

function opened() {
  const clock = { now: start };
  return { clock, tokens: new ChildTokens(key, () => clock.now) };
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!failedWith(error, 'UNAUTHENTICATED', 'PERMISSION_DENIED')) return `no refusal: ${String(error)}`;
  return error.violations[0]?.field ?? error.reason;
}

describe('a token', () => {
  it.each<[string, Partial<Grant>]>([
    ['as its minter', {}],
    ['for two sessions', { sessions: ids('a', 'b') }],
    ['for a session and those below it', { sessions: ids('a'), sessionPrefixes: begun('a.') }],
    ['for what begins with a text', { sessions: [], sessionPrefixes: begun('a.', 'b:') }],
    ['for some names', { namePrefix: 'out/' }],
    ['for some bytes', { scopes: ['write'], pushBytesMax: 10 }],
    [
      'for all of it',
      { scopes: ['write', 'read'], sessions: ids('a'), namePrefix: 'ö/', pushBytesMax: 2 ** 50 },
    ],
  ])('%s means what it was minted with', async (_what, more) => {
    const { tokens } = opened();
    const { token, principal } = await tokens.mint(minter, grantOf(more));
    expect(token).toMatch(/^arc_[A-Za-z0-9._-]+$/);
    expect(await tokens.verify(token)).toEqual(principal);
    expect(principal).toMatchObject({ apiKey: 'key_a', operator: false, expireTime: start + hour });
    expect(principal.subject).toMatch(/^tok_[0-9a-f]{32}$/);
  });

  it('ends at its time, and with the credentials of its minter', async () => {
    const { tokens, clock } = opened();
    const { token } = await tokens.mint(minter, grantOf());
    const short = await tokens.mint({ ...minter, expireTime: start + 5_500 }, grantOf());
    expect(short.principal.expireTime).toBe(start + 5_000);
    clock.now = start + hour - 1;
    await tokens.verify(token);
    expect(await refusalOf(tokens.verify(short.token))).toBe('UNAUTHENTICATED');
    clock.now = start + hour;
    expect(await refusalOf(tokens.verify(token))).toBe('UNAUTHENTICATED');
  });

  it.each<[string, Principal, Partial<Grant>]>([
    ['namespace', minter, { namespace: parseNamespace('namespace', 'other') }],
    ['scopes', minter, { scopes: ['share'] }],
    ['sessions', { ...minter, restriction: { sessions: new Set(ids('a')) } }, { sessions: ids('a', 'b') }],
    [
      'session_prefixes',
      { ...minter, restriction: { sessions: new Set(ids('a')) } },
      { sessions: ids('a'), sessionPrefixes: begun('a.') },
    ],
    ['session_prefixes', below('a.'), { sessions: [], sessionPrefixes: begun('ab.') }],
    ['session_prefixes', below('a.1.'), { sessions: [], sessionPrefixes: begun('a.') }],
    ['sessions', below('a.'), { sessions: ids('a') }],
    ['sessions', below('a.'), { sessions: ids('ab'), sessionPrefixes: begun('a.') }],
    ['name_prefix', { ...minter, restriction: { namePrefix: 'out/' } }, { namePrefix: 'ou' }],
    ['name_prefix', { ...minter, restriction: { namePrefix: 'out/' } }, { namePrefix: 'in/' }],
    [
      'max_push_bytes',
      { ...minter, restriction: { pushBytesMax: 10 } },
      { scopes: ['write'], pushBytesMax: 1 },
    ],
  ])('that would widen the %s is refused', async (field, by, more) => {
    expect(await refusalOf(opened().tokens.mint(by, grantOf(more)))).toBe(field);
  });

  it('keeps what its minter is limited to', async () => {
    const { tokens } = opened();
    const restriction = { sessions: new Set(ids('a', 'b')), namePrefix: 'out/' };
    const by = { ...minter, restriction };
    expect((await tokens.mint(by, grantOf())).principal.restriction).toEqual(restriction);
    const narrower = await tokens.mint(by, grantOf({ sessions: ids('b'), namePrefix: 'out/x/' }));
    expect(narrower.principal.restriction).toEqual({ sessions: new Set(ids('b')), namePrefix: 'out/x/' });
  });

  it('of a minter with prefixes is for all that they allow, for fewer prefixes, or for ids below them', async () => {
    const { tokens } = opened();
    const by = below('a.', 'b:');
    const restrictionOf = async (more: Partial<Grant>) =>
      (await tokens.mint(by, grantOf(more))).principal.restriction;
    expect(await restrictionOf({})).toEqual(by.restriction);
    const fewer = { sessions: new Set(), sessionPrefixes: begun('a.1.') };
    expect(await restrictionOf({ sessions: [], sessionPrefixes: begun('a.1.') })).toEqual(fewer);
    expect(await restrictionOf({ sessions: ids('a.1', 'b:x') })).toEqual({
      sessions: new Set(ids('a.1', 'b:x')),
    });
  });

  it('with prefixes has the claim `sessions` too: an earlier service then allows less, not more', async () => {
    const { tokens } = opened();
    const { token } = await tokens.mint(minter, grantOf({ sessions: [], sessionPrefixes: begun('a.') }));
    expect(decodeJwt(token.slice(tokenPrefixes.child.length))).toMatchObject({
      sessions: [],
      prefixes: ['a.'],
    });
  });

  it('that an earlier service made still means the same', async () => {
    const { tokens } = opened();
    const token = await sign({ typ: 'artifacta-child+jwt' }, key, true, { sessions: ['a'], prefix: 'out/' });
    expect((await tokens.verify(`arc_${token}`)).restriction).toEqual({
      sessions: new Set(ids('a')),
      namePrefix: 'out/',
    });
  });

  it('with the most and the longest limits fits into a header', async () => {
    const { tokens } = opened();
    const sixteen = Array.from({ length: 16 }, (_, at) => `${String(at).padStart(2, '0')}${'x'.repeat(124)}`);
    const { token } = await tokens.mint(
      { ...minter, apiKey: 'k'.repeat(20) },
      grantOf({
        scopes: ['read', 'write'],
        sessions: ids(...sixteen.map((id) => `${id}xx`)),
        sessionPrefixes: begun(...sixteen.map((id) => `${id}.`)),
        namePrefix: '"'.repeat(1_024),
        pushBytesMax: 2 ** 53 - 1,
      }),
    );
    expect(token.length).toBeLessThan(12 * 1_024);
    await tokens.verify(token);
  });

  it('of an operator is none, and may be for any namespace', async () => {
    const { tokens } = opened();
    const operator: Principal = { ...minter, operator: true };
    const { principal } = await tokens.mint(operator, grantOf({ namespace: parseNamespace('n', 'other') }));
    expect(principal).toMatchObject({ namespace: 'other', operator: false });
  });

  it('of an operator has the operator as its payer, by the claim `holder` that older tokens have too', async () => {
    const { tokens } = opened();
    const operator = { ...minter, apiKey: 'key_o', scopes: new Set(['read'] as const), operator: true };
    const { token } = await tokens.mint(operator, grantOf({ namespace: parseNamespace('n', 'other') }));
    expect(decodeJwt(token.slice(tokenPrefixes.child.length))).toMatchObject({
      holder: ['default', 'key_o'],
    });
    expect((await tokens.verify(token)).payer).toEqual({ group: 'default', name: 'key_o' });
  });

  it('that was changed anywhere is refused', async () => {
    const { tokens } = opened();
    const { token } = await tokens.mint(minter, grantOf());
    for (let at = 4; at < token.length; at++) {
      const letter = token[at] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, at) + letter + token.slice(at + 1);
      // The last character of base64url holds bits that nothing reads.
      const decoded = (text: string) =>
        text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
      if (decoded(changed.slice(4)).join() === decoded(token.slice(4)).join()) continue;
      expect(`${at} ${await refusalOf(tokens.verify(changed))}`).toBe(`${at} UNAUTHENTICATED`);
    }
  });

  it.each<[string, () => Promise<string>]>([
    ['signed with another key', () => sign({ typ: 'artifacta-child+jwt' }, Buffer.alloc(32, 8))],
    ['of another type', () => sign({ typ: 'JWT' })],
    ['without an end', () => sign({ typ: 'artifacta-child+jwt' }, key, false)],
    [
      'unsigned',
      async () =>
        `${encoded({ alg: 'none', typ: 'artifacta-child+jwt' })}.${encoded({ jti: 'a', exp: 9e9 })}.`,
    ],
    ['empty', async () => ''],
    ['of dots', async () => '..'],
  ])('%s is refused', async (_what, make) => {
    expect(await refusalOf(opened().tokens.verify(`arc_${await make()}`))).toBe('UNAUTHENTICATED');
  });
});

function below(...prefixes: string[]): Principal {
  return { ...minter, restriction: { sessions: new Set(), sessionPrefixes: begun(...prefixes) } };
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(header: { typ: string }, by = key, ends = true, limits: object = {}): Promise<string> {
  const jwt = new SignJWT({ ns: 'default', scopes: ['write'], ...limits }).setProtectedHeader({
    alg: 'HS256',
    ...header,
  });
  if (ends) jwt.setExpirationTime(start / 1000 + 60);
  return jwt.setJti('tok_x').sign(by);
}
