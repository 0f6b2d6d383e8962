/** The console behind a proxy that signs people in: nobody pastes a token, and no page of another site gains by it. */
import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import { issuer, startIssuer } from '../../support/issuer.ts';
import { dropText, open, type Results, Service } from './rig.ts';

const audience = 'store';
/** Where the proxy puts the token. */
const tokenHeader = 'x-forwarded-access-token';

/** Looks at the console through a proxy, and from a page that the proxy does not serve. */
export async function checkProxied(results: Results, browser: Browser, directory: string): Promise<void> {
  using keys = await startIssuer();
  const config = join(directory, 'auth.json');
  const trusted = {
    issuer,
    audiences: [audience],
    keys: { url: keys.keysUrl },
    namespace: 'default',
    scopes: ['read', 'write'],
  };
  await writeFile(config, JSON.stringify({ jwt: [trusted], proxy: { header: tokenHeader } }));
  const token = await keys.sign(audience);
  await using proxy = await startProxy(token);
  const args = ['--auth-config', config, '--public-url', proxy.origin];
  await using service = await new Service(join(directory, 'proxied'), ...args).start();
  proxy.target = service.origin;
  const samples = service.samples(token);
  await samples.push('run', 'page.html', '<h1>A page</h1>', { type: 'text/html' });
  const login = { name: 'login', value: 'yes', url: proxy.origin };

  await results.check('a person who has logged in at the proxy pushes, previews and saves', () =>
    work(browser, proxy.origin, login),
  );
  await results.check(
    'a page of another site changes and reads nothing, although it sends the login',
    async () => {
      await attack(browser, proxy.origin, login);
      const { artifacts } = await samples.artifacts.listArtifacts({ filter: 'session = "run"' });
      assert.deepEqual(artifacts.map(({ name }) => name).toSorted(), ['dropped.txt', 'page.html']);
    },
  );
  await results.check('a person whose login has ended is told to load the page again', async () => {
    await using watched = await open(browser, proxy, '/sessions/run');
    await watched.page.getByText('Who are you?').waitFor();
    await watched.page.getByText(/load this page again/).waitFor();
  });
}

type Cookie = Parameters<BrowserContext['addCookies']>[0][number];

/** Works with the console as a person does who has logged in. */
async function work(browser: Browser, origin: string, login: Cookie): Promise<void> {
  await using watched = await open(browser, { origin }, '/about:blank');
  const { page, faults } = watched;
  await page.context().addCookies([login]);
  await page.goto(`${origin}/sessions/run`);
  await page.getByText('page.html').first().waitFor();
  assert.equal(await page.getByText('Who are you?').count(), 0);
  await dropText(page, 'dropped.txt', 'dropped');
  await page.getByText('dropped.txt').first().waitFor();
  await page.getByText('page.html').first().click();
  await page.frameLocator('iframe').getByText('A page').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Raw' }).count(), 0);
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ]);
  const pieces = (await (await saved.createReadStream()).toArray()) as Buffer[];
  assert.equal(Buffer.concat(pieces).toString(), '<h1>A page</h1>');
  assert.deepEqual(faults, []);
}

/** Calls the service from a page of another site, with the cookie of somebody who has logged in. */
async function attack(browser: Browser, origin: string, login: Cookie): Promise<void> {
  const action = `${origin}/v1/sessions/run/artifacts/form`;
  await using evil = await listen((_incoming, answer) => {
    answer.writeHead(200, { 'content-type': 'text/html' });
    answer.end(
      `<form method="post" enctype="text/plain" action="${action}"><input name="a" value="b"></form>`,
    );
  });
  const context = await browser.newContext();
  try {
    await context.addCookies([login]);
    const page = await context.newPage();
    await page.goto(evil.origin);
    const outcomes = await page.evaluate(async (base) => {
      const json = { 'content-type': 'application/json' };
      const call = { method: 'POST', body: '{}', headers: json };
      const caller = '/artifacta.v1.InfoService/GetCaller';
      const tries: [string, RequestInit][] = [
        ['/v1/sessions/run/artifacts/fetched', { method: 'PUT', body: 'x' }],
        [caller, call],
        [caller, { ...call, headers: { ...json, 'artifacta-console': '1' } }],
        ['/v1/sessions/run/artifacts/page.html', {}],
      ];
      const answers = tries.map(([path, init]) => fetch(base + path, { credentials: 'include', ...init }));
      return (await Promise.allSettled(answers)).map(({ status }) => status);
    }, origin);
    assert.deepEqual(outcomes, Array(4).fill('rejected'));
    await Promise.all([page.waitForNavigation(), page.evaluate('document.forms[0].submit()')]);
    await page.goto(`${origin}/v1/sessions/run/artifacts/page.html`);
    assert.match((await page.textContent('body'))!, /UNAUTHENTICATED/);
  } finally {
    await context.close();
  }
}

/** A proxy. It passes a token on for browsers with the cookie, and for no others. */
async function startProxy(token: string) {
  const place = { target: '' };
  const { origin, [Symbol.asyncDispose]: stop } = await listen((incoming, answer) => {
    const { [tokenHeader]: _forged, ...headers } = incoming.headers;
    const isKnown = headers.cookie?.includes('login=yes');
    const passed = send(
      place.target + incoming.url,
      { method: incoming.method!, headers: { ...headers, ...(isKnown && { [tokenHeader]: token }) } },
      (given) => {
        answer.writeHead(given.statusCode!, given.headers);
        given.pipe(answer);
      },
    );
    passed.on('error', () => answer.destroy());
    incoming.pipe(passed);
  });
  return Object.assign(place, { origin, [Symbol.asyncDispose]: stop });
}

async function listen(answer: RequestListener): Promise<{ readonly origin: string } & AsyncDisposable> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
