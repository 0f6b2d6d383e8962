/** A proxy that signs people in: its token counts for pages of the service, and for no others. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { issuer, startIssuer } from '../support/issuer.ts';
import { startServe } from './serve-process.ts';

const audience = 'store';

async function open(proxy: Record<string, string>) {
  const directory = await newDirectory();
  const started = await startIssuer();
  onTestFinished(() => started[Symbol.dispose]());
  const config = join(directory, 'auth.json');
  const trusted = {
    issuer,
    audiences: [audience],
    keys: { url: started.keysUrl },
    namespace: 'default',
    scopes: { claim: 'scope' },
  };
  await writeFile(config, JSON.stringify({ jwt: [trusted], proxy }));
  const service = startServe(join(directory, 'store'), ['--auth-config', config, '--log-level', 'trace']);
  const { http } = await service.ready;
  const ask = async (path: string, headers: Record<string, string>, init: RequestInit = {}) => {
    const answer = await fetch(`http://${http}${path}`, { ...init, headers });
    return { status: answer.status, text: await answer.text() };
  };
  const whoami = (headers: Record<string, string>) =>
    ask(
      '/artifacta.v1.InfoService/GetCaller',
      { 'content-type': 'application/json', ...headers },
      { method: 'POST', body: '{}' },
    );
  return { ask, whoami, sign: started.sign, service };
}

const page = { 'artifacta-console': '1' };
const somebody = { status: 200, text: expect.stringContaining('#somebody') };

describe.each([
  {
    proxy: { header: 'X-Forwarded-Access-Token' },
    sent: (token: string) => ({ 'x-forwarded-access-token': token }),
  },
  { proxy: { header: 'x-jwt' }, sent: (token: string) => ({ 'x-jwt': `Bearer ${token}` }) },
  { proxy: { cookie: 'login' }, sent: (token: string) => ({ cookie: `a=b; login=${token}; xlogin=c` }) },
  { proxy: { header: 'x-jwt', cookie: 'login' }, sent: (token: string) => ({ cookie: `login=${token}` }) },
])('with the token of a proxy ($proxy)', ({ proxy, sent }) => {
  it('a page of the service is the person, with the rights of the token', async () => {
    const { ask, whoami, sign, service } = await open(proxy);
    const token = await sign(audience);
    expect(await whoami({ ...page, ...sent(token) })).toMatchObject(somebody);
    const put = { method: 'PUT', body: 'a' };
    const path = '/v1/sessions/s/artifacts/a';
    expect(await ask(path, { ...page, ...sent(token) }, put)).toMatchObject({ status: 201 });
    expect(await ask(path, { ...page, ...sent(await sign(audience, { scope: 'read' })) }, put)).toMatchObject(
      {
        status: 403,
      },
    );
    expect(await ask(path, { ...page, ...sent(token) })).toMatchObject({ status: 200, text: 'a' });
    // It is somebody else's page, or a form of one, that does not say so.
    for (const headers of [sent(token), { ...sent(token), 'artifacta-console': '' }]) {
      expect(await whoami(headers)).toMatchObject({ status: 401 });
      expect(await ask(path, headers, put)).toMatchObject({ status: 401 });
      expect(await ask(path, headers)).toMatchObject({ status: 401 });
    }
    expect(JSON.stringify(service.lines) + service.stderr()).not.toContain(token.slice(0, 60));
  });

  it('nobody is let in by one that is not good, and a token of the page counts first', async () => {
    const { whoami, sign } = await open(proxy);
    const others = await startIssuer();
    onTestFinished(() => others[Symbol.dispose]());
    for (const token of [
      'nonsense',
      await others.sign(audience),
      await sign('another'),
      await sign(audience, {}, '5 minutes ago'),
      `${await sign(audience)}, ${await sign(audience)}`,
    ])
      expect(await whoami({ ...page, ...sent(token) })).toMatchObject({ status: 401 });
    const good = await sign(audience);
    expect(await whoami({ ...page, ...sent('nonsense'), authorization: `Bearer ${good}` })).toMatchObject(
      somebody,
    );
    expect(await whoami({ ...page, ...sent(good), authorization: 'Bearer nonsense' })).toMatchObject({
      status: 401,
    });
  });
});

it('two cookies of one name let nobody in, and the preflight of another origin does not allow the header of pages', async () => {
  const { ask, whoami, sign } = await open({ cookie: 'login' });
  const token = await sign(audience);
  const twice = await whoami({ ...page, cookie: `login=${token}; login=${token}` });
  expect(twice).toMatchObject({
    status: 401,
    text: expect.stringMatching(/cookie login: must be sent only once/),
  });
  expect(await whoami({ ...page, cookie: 'login=' })).toMatchObject({ status: 401 });
  const foreign = { origin: 'https://evil.example.org', cookie: `login=${token}` };
  expect(await whoami({ ...page, ...foreign })).toMatchObject({ status: 403 });
  const preflight = {
    ...foreign,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'artifacta-console',
  };
  expect(await ask('/artifacta.v1.InfoService/GetCaller', preflight, { method: 'OPTIONS' })).toMatchObject({
    status: 403,
  });
});
