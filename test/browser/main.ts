/**
 * The client for pages in a real Chromium: pages of an origin that the service allows, of one without the digests of the
 * runtime, and of one that it does not allow. Where no Chromium exists, it says so and ends well.
 *
 *     node test/browser/main.ts
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { freePorts } from '../../scripts/free-ports.ts';
import { removeDirectory } from '../support/directories.ts';
import { bundled, chromiumPath, servePage, switches, whySkipped } from './chromium.ts';

const root = resolve(import.meta.dirname, '../..');
const timeout = 120_000;

interface Service {
  readonly child: ChildProcess;
  readonly http: string;
  readonly grpc: string;
}

async function serve(dataDir: string, origins: readonly string[]): Promise<Service> {
  const child = spawn(
    join(root, 'bin/artifacta'),
    [
      'serve',
      '--data-dir',
      dataDir,
      ...freePorts,
      '--http-hosts',
      'store.test',
      '--cors-origin',
      origins.join(','),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  for await (const line of createInterface({ input: child.stdout! })) {
    const { msg, http, grpc } = JSON.parse(line) as Record<string, string>;
    if (msg !== 'ready') continue;
    child.stdout!.resume();
    return { child, http: http!, grpc: grpc! };
  }
  throw new Error('the service has ended');
}

/** What a page has; see `page.ts`. */
interface InPage {
  readonly checkNames: readonly string[];
  runCheck(name: string, surroundings: object): Promise<string>;
  errorOf(url: string): Promise<string>;
  pushChosen(url: string, name: string): Promise<string>;
}

let failed = 0;
function tell(what: string, wrong: string): void {
  if (wrong !== '') failed++;
  console.log(`${wrong === '' ? 'ok' : 'FAILED'}  ${what}${wrong === '' ? '' : `: ${wrong}`}`);
}

async function open(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(timeout);
  await page.goto(url);
  await page.waitForFunction(() => 'checkNames' in globalThis);
  return page;
}

async function runAll(page: Page, what: string, surroundings: object): Promise<void> {
  const names = await page.evaluate(() => (globalThis as unknown as InPage).checkNames);
  for (const name of names) {
    const given = { name, surroundings };
    const wrong = await page.evaluate(
      (one) => (globalThis as unknown as InPage).runCheck(one.name, one.surroundings),
      given,
    );
    tell(`${what}: ${name}`, wrong);
  }
}

/** A file may change between the moment when a user chooses it and the one when it is sent. */
async function changingFile(page: Page, url: string, directory: string): Promise<void> {
  for (const [name, length] of [
    ['small', 1_000],
    ['large', 9 * 1024 * 1024],
  ] as const) {
    const path = join(directory, name);
    await writeFile(path, Buffer.alloc(length, 1));
    await page.setInputFiles('input', path);
    const push = (at: string) =>
      page.evaluate((one) => (globalThis as unknown as InPage).pushChosen(one.url, one.at), { url, at });
    const stored = await push(`${name}-1`);
    tell(`a chosen file of ${length} bytes`, stored === String(length) ? '' : stored);
    await appendFile(path, 'more');
    const refused = await push(`${name}-2`);
    tell(`the same after it has changed`, refused === 'NotReadableError' ? '' : `it got ${refused}`);
  }
}

async function main(executablePath: string, directory: string): Promise<void> {
  const { server, port } = await servePage(await bundled(join(import.meta.dirname, 'page.ts')));
  const origins = [`http://127.0.0.1:${port}`, `http://page.test:${port}`];
  const service = await serve(join(directory, 'data'), origins);
  const other = await serve(join(directory, 'other'), origins);
  const browser = await chromium.launch({
    executablePath,
    args: [...switches, '--host-resolver-rules=MAP *.test 127.0.0.1'],
  });
  try {
    console.log(`Chromium ${browser.version()}`);
    const grpcUrl = `http://${service.grpc}`;
    const page = await open(browser, origins[0]!);
    await runAll(page, 'another origin', { url: `http://${service.http}`, grpcUrl });
    await changingFile(page, `http://${service.http}`, directory);
    const url = `http://store.test:${other.http.split(':').at(-1)}`;
    const insecure = await open(browser, origins[1]!);
    const hasDigest = await insecure.evaluate(() => globalThis.crypto.subtle !== undefined);
    tell('an insecure origin has no digests of the runtime', hasDigest ? 'it has' : '');
    await runAll(insecure, 'an insecure origin', { url, grpcUrl });
    const refused = await open(browser, `http://refused.test:${port}`);
    const said = await refused.evaluate((at) => (globalThis as unknown as InPage).errorOf(at), url);
    const expected = /^UNAVAILABLE: .*does not allow pages of this origin/;
    tell('an origin that is not allowed', expected.test(said) ? '' : said);
  } finally {
    await browser.close();
    for (const { child } of [service, other]) {
      child.kill();
      await once(child, 'close');
    }
    server.close();
  }
}

const path = chromiumPath();
if (path === undefined) {
  console.log(`skipped: ${whySkipped}`);
} else {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-browser-'));
  try {
    await main(path, directory);
  } finally {
    await removeDirectory(directory);
  }
  if (failed > 0) console.log(`${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
