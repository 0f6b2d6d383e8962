/** Tokens of other issuers, with real keys and a real server for them. */
import { Buffer } from 'node:buffer';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { failedWith } from '../../src/domain/errors.ts';
import { limits } from '../../src/domain/limits.ts';
import { type JwtIssuer, openJwtVerifier } from '../../src/identity/jwt.ts';
import { type KeySetTimes, keySetTimes } from '../../src/identity/key-sets.ts';

const now = 1_767_323_045_000;
const seconds = now / 1000;
const issuer = 'https://issuer.example';
type Keys = Awaited<ReturnType<typeof generateKeyPair>>;
let keys: Keys;
let others: Keys;

beforeAll(async () => {
  keys = await generateKeyPair('ES256', { extractable: true });
  others = await generateKeyPair('ES256', { extractable: true });
});

interface Rig {
  readonly verify: (token: string) => Promise<string>;
  readonly requests: string[];
  /** How the server of the keys answers. */
  answer: (respond: { end(body: string): void; hang(): void; status(code: number): void }) => void;
}

const goodKeys = async (kid = 'k1', pair = keys) =>
  JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' }] });

async function open(change: Partial<JwtIssuer> = {}, times: Partial<KeySetTimes> = {}): Promise<Rig> {
  const body = await goodKeys();
  const rig: { answer: Rig['answer']; requests: string[] } = {
    answer: (respond) => respond.end(body),
    requests: [],
  };
  const server: Server = createServer((request, response) => {
    rig.requests.push(request.headers.authorization ?? '');
    rig.answer({
      end: (text) => response.end(text),
      hang: () => undefined,
      status: (code) => response.writeHead(code).end(),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const configured: JwtIssuer = {
    issuer,
    audiences: ['artifacta'],
    keys: { url },
    namespace: { claim: ['team'] },
    scopes: { claim: ['scope'] },
    ...change,
  };
  const verify = await openJwtVerifier([configured], () => now, { times: { ...keySetTimes, ...times } });
  return Object.assign(rig, {
    verify: async (token: string) => {
      try {
        const { subject, namespace, scopes, operator } = await verify(token);
        return `${subject} ${namespace} ${scopes.join('+')}${operator ? ' operator' : ''}`;
      } catch (error) {
        if (!failedWith(error, 'UNAUTHENTICATED', 'ISSUER_UNAVAILABLE')) throw error;
        if (token !== '') expect(error.message).not.toContain(token);
        return `${error.reason} ${error.message}`;
      }
    },
  });
}

const claims: JWTPayload = {
  iss: issuer,
  aud: 'artifacta',
  sub: 'agent',
  exp: seconds + 600,
  team: 'billing',
  scope: 'read write',
};

async function sign(
  change: Readonly<Record<string, unknown>> = {},
  header: object = {},
  by: Keys = keys,
): Promise<string> {
  const payload = Object.fromEntries(
    Object.entries({ ...claims, ...change }).filter(([, value]) => value !== undefined),
  );
  return await new SignJWT(payload)
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
    .sign(by.privateKey);
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a good token', () => {
  it('says who its bearer is, where, and what they may do', async () => {
    const rig = await open();
    expect(await rig.verify(await sign())).toBe(`${issuer}#agent billing read+write`);
    expect(await rig.verify(await sign({ scope: ['share', 'launch'] }))).toBe(
      `${issuer}#agent billing share`,
    );
    expect(await rig.verify(await sign({ aud: ['other', 'artifacta'] }))).toBe(
      `${issuer}#agent billing read+write`,
    );
    expect(rig.requests).toHaveLength(1);
  });

  it('may have its namespace, scopes and rights of an operator where the configuration says', async () => {
    const rig = await open({
      namespace: { claim: ['kubernetes.io', 'namespace'] },
      scopes: { fixed: ['read'] },
      operator: { claim: ['groups'], value: 'artifacta-operators' },
    });
    const kubernetes = { 'kubernetes.io': { namespace: 'agents', pod: { name: 'p' } } };
    expect(await rig.verify(await sign(kubernetes))).toBe(`${issuer}#agent agents read`);
    const groups = ['staff', 'artifacta-operators'];
    expect(await rig.verify(await sign({ ...kubernetes, groups }))).toBe(
      `${issuer}#agent agents read operator`,
    );
    const fixed = await open({ namespace: { fixed: 'shared' } });
    expect(await fixed.verify(await sign({ team: undefined }))).toBe(`${issuer}#agent shared read+write`);
  });

  it('has a list in an array and in `scope`; any other text is one value, spaces and all', async () => {
    const operators = { operator: { claim: ['title'], value: 'admin' } };
    const rig = await open(operators);
    expect(await rig.verify(await sign({ title: 'assistant to the admin' }))).toBe(
      `${issuer}#agent billing read+write`,
    );
    expect(await rig.verify(await sign({ title: ['assistant to the admin'] }))).not.toContain('operator');
    expect(await rig.verify(await sign({ title: 'admin' }))).toContain(' operator');
    expect(await rig.verify(await sign({ title: ['staff', 'admin'] }))).toContain(' operator');
    const byScope = await open({ operator: { claim: ['scope'], value: 'ops' } });
    expect(await byScope.verify(await sign({ scope: 'read ops' }))).toBe(
      `${issuer}#agent billing read operator`,
    );
    const nested = await open({ scopes: { claim: ['app', 'scope'] } });
    expect(await nested.verify(await sign({ app: { scope: 'please write' } }))).toMatch(/grants no scope/);
    expect(await nested.verify(await sign({ app: { scope: 'write' } }))).toContain(' write');
    const roles = await open({ scopes: { claim: ['roles'] } });
    expect(await roles.verify(await sign({ roles: 'read write' }))).toMatch(/grants no scope/);
    expect(await roles.verify(await sign({ roles: ['read', 'write'] }))).toContain('read+write');
  });

  it('has a minute of leeway, no more', async () => {
    const rig = await open();
    expect(await rig.verify(await sign({ exp: seconds - 59, nbf: seconds + 59 }))).toContain('#agent');
    expect(await rig.verify(await sign({ exp: seconds - 61 }))).toMatch(/^UNAUTHENTICATED .*expired/);
    expect(await rig.verify(await sign({ nbf: seconds + 61 }))).toMatch(/^UNAUTHENTICATED .*nbf/);
  });
});

describe('a token is refused', () => {
  it.each<[string, () => Promise<string>]>([
    ['that is empty', async () => ''],
    ['that is none', async () => 'a.b.c'],
    ['with alg none', async () => `${encoded({ alg: 'none' })}.${encoded(claims)}.`],
    [
      'signed with the public key as a secret',
      async () =>
        await new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
          .sign(new TextEncoder().encode(await exportSPKI(keys.publicKey))),
    ],
    ['signed by somebody else', () => sign({}, {}, others)],
    ['of another issuer', () => sign({ iss: 'https://evil.example' })],
    ['without an issuer', () => sign({ iss: undefined })],
    ['for another audience', () => sign({ aud: 'somebody' })],
    ['without an audience', () => sign({ aud: undefined })],
    ['without an end', () => sign({ exp: undefined })],
    ['without a subject', () => sign({ sub: undefined })],
    ['that ended', () => sign({ exp: seconds - 3_600 })],
    [
      'with an unknown critical header',
      () =>
        sign({}, { crit: ['x'], x: 1 }).catch(
          async () => `${encoded({ alg: 'ES256', kid: 'k1', crit: ['x'], x: 1 })}.${encoded(claims)}.AAAA`,
        ),
    ],
    ['with a key id that climbs', () => sign({}, { kid: '../../etc/passwd' })],
    [
      'that names its own keys',
      async () =>
        sign({}, { kid: 'k2', jku: 'http://127.0.0.1:1/', jwk: await exportJWK(others.publicKey) }, others),
    ],
    ['without a namespace', () => sign({ team: undefined })],
    ['whose namespace climbs', () => sign({ team: '../other' })],
    ['whose namespace is no text', () => sign({ team: ['billing'] })],
    ['without scopes', () => sign({ scope: 'launch' })],
  ])('%s', async (_what, make) => {
    const rig = await open();
    expect(await rig.verify(await make())).toMatch(/^UNAUTHENTICATED /);
  });

  it.each<[string, Parameters<typeof sign>[0], RegExp]>([
    ['for another audience', { aud: 'somebody' }, /claim aud .* accepts; .* correct --auth-config$/],
    ['without a subject', { sub: undefined }, /no claim sub; its issuer must put one there$/],
    ['that is not valid yet', { nbf: seconds + 3_600 }, /not valid yet, by its claim nbf; use it later$/],
  ])('with the next step, and without the value: %s', async (_what, change, message) => {
    const rig = await open();
    const refusal = await rig.verify(await sign(change));
    expect(refusal).toMatch(message);
    expect(refusal).not.toContain('somebody');
  });

  it('whose payload was changed', async () => {
    const rig = await open();
    const [header, , signature] = (await sign()).split('.');
    expect(await rig.verify(`${header}.${encoded({ ...claims, team: 'other' })}.${signature}`)).toMatch(
      /^UNAUTHENTICATED/,
    );
  });
});

describe('the keys of an issuer', () => {
  it('are asked for again for a key id that is new, but not for each', async () => {
    const rig = await open({}, { cooldownMs: 0 });
    await rig.verify(await sign());
    const rotated = await goodKeys('k2', others);
    rig.answer = (respond) => respond.end(rotated);
    expect(await rig.verify(await sign({}, { kid: 'k2' }, others))).toContain('#agent');
    expect(rig.requests).toHaveLength(2);
    const calm = await open();
    await calm.verify(await sign());
    for (let at = 0; at < 20; at++)
      expect(await calm.verify(await sign({}, { kid: `x${at}` }))).toMatch(/^UNAUTHENTICATED/);
    expect(calm.requests).toHaveLength(1);
  });

  it.each<[string, Rig['answer']]>([
    ['fail', (respond) => respond.status(500)],
    ['are elsewhere', (respond) => respond.status(302)],
    ['hang', (respond) => respond.hang()],
    ['are no keys', (respond) => respond.end('<html>')],
    ['are endless', (respond) => respond.end(' '.repeat(2 * 1024 * 1024))],
  ])('that %s let nobody in, tell so, and are asked for again', async (_what, answer) => {
    const rig = await open({}, { fetchMsMax: 200 });
    const good = rig.answer;
    rig.answer = answer;
    expect(await rig.verify(await sign())).toMatch(/^ISSUER_UNAVAILABLE/);
    rig.answer = good;
    expect(await rig.verify(await sign())).toContain('#agent');
  });

  it('are used on while the issuer is down for a while', async () => {
    const rig = await open({}, { freshMs: 0, cooldownMs: 0 });
    expect(await rig.verify(await sign())).toContain('#agent');
    rig.answer = (respond) => respond.status(503);
    expect(await rig.verify(await sign())).toContain('#agent');
    expect(rig.requests.length).toBeGreaterThan(1);
    const forgetful = await open({}, { freshMs: 0, cooldownMs: 0, staleMs: 0 });
    expect(await forgetful.verify(await sign())).toContain('#agent');
    forgetful.answer = (respond) => respond.status(503);
    expect(await forgetful.verify(await sign())).toMatch(/^ISSUER_UNAVAILABLE/);
  });

  it('can be in a file', async () => {
    const { mkdtemp, rm, writeFile } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-keys-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = join(directory, 'keys.json');
    await writeFile(file, await goodKeys());
    await writeFile(join(directory, 'token'), 'let me in\n');
    const rig = await open({ keys: { file } });
    expect(await rig.verify(await sign())).toContain('#agent');
    expect(rig.requests).toEqual([]);
    await writeFile(file, '{}');
    await expect(open({ keys: { file } })).rejects.toThrow(/is not a JSON Web Key Set/);
  });
});

it('a token is never longer than what is looked at', () => {
  expect(limits.tokenBytesMax).toBe(16_384);
});
