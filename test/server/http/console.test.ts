/** The web console as a browser asks for it: its page, its files, and what is refused. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startServer } from '../../../src/server/server.ts';
import { openTestStore, testRoutes } from '../../support/service.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-console-'));
  await mkdir(join(directory, 'built'));
  await write('index.html', '<!doctype html><title>console</title>');
  await write('console-12345678.js', 'export {};'.repeat(100));
  await write('console-12345678.js.gz', gzipSync('export {};'.repeat(100)));
  await write('style-12345678.css', 'body{}');
  await write('notes.txt', 'not a part of the console');
});

afterAll(() => rm(directory, { recursive: true }));

const write = (name: string, content: string | Uint8Array) =>
  writeFile(join(directory, 'built', name), content);

/** @returns a function that asks the listener. */
async function served(consoleDir: string | undefined, publicUrl?: string, previewOrigin?: string) {
  const { store } = await openTestStore();
  const server = await startServer({
    routes: testRoutes(store, []),
    http: { host: '127.0.0.1', port: 0 },
    messageBytesMax: 2 ** 21,
    concurrentStreamsMax: 100,
    drainMs: 100,
    onUnexpectedError: (error) => {
      throw error;
    },
    consoleDir,
    publicUrl,
    previewOrigin,
  });
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });
  const ask = (path: string, init?: RequestInit) => fetch(`http://${server.addresses.http}${path}`, init);
  return ask;
}

describe('the web console', () => {
  it('is the same page at the paths of all its screens, with a policy that runs only its own scripts', async () => {
    const ask = await served(join(directory, 'built'));
    for (const path of [
      '/',
      '/?filter=a',
      '/sessions/run_42',
      '/artifacts/art_x',
      '/lineage/art_x',
      '/compare',
      '/store',
    ]) {
      const answer = await ask(path);
      expect([path, answer.status, await answer.text()]).toEqual([
        path,
        200,
        '<!doctype html><title>console</title>',
      ]);
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      const policy = answer.headers.get('content-security-policy')!.split('; ');
      for (const part of [
        "default-src 'none'",
        "script-src 'self'",
        "frame-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ])
        expect(policy).toContain(part);
      expect(policy.join()).not.toMatch(/unsafe|\*/);
    }
  });

  it('shows frames only from the origin of previews, if one exists', async () => {
    const ask = await served(join(directory, 'built'), 'https://a.example.org', 'https://p.example.org');
    const policy = (await ask('/')).headers.get('content-security-policy')!.split('; ');
    expect(policy.filter((part) => part.startsWith('frame-src'))).toEqual([
      'frame-src https://p.example.org',
    ]);
  });

  it('lets its workers load and run nothing else', async () => {
    const ask = await served(join(directory, 'built'));
    const script = await ask('/console/console-12345678.js');
    expect(script.headers.get('content-security-policy')).toBe(
      "default-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    );
    const page = await ask('/');
    // The one policy that the page may make approves the address of that worker (previews/worker-address.ts).
    expect(page.headers.get('content-security-policy')).toContain('trusted-types pdf-worker');
  });

  it('has files that browsers keep forever, compressed for those that ask', async () => {
    const ask = await served(join(directory, 'built'));
    const script = await ask('/console/console-12345678.js', { headers: { 'accept-encoding': 'br, gzip' } });
    expect(Object.fromEntries(script.headers)).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
      'content-encoding': 'gzip',
      'x-content-type-options': 'nosniff',
    });
    expect(await script.text()).toBe('export {};'.repeat(100));
    const plain = await ask('/console/console-12345678.js', { headers: { 'accept-encoding': 'gzip;q=0' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('content-length')).toBe('1000');
    const style = await ask('/console/style-12345678.css');
    expect([style.headers.get('content-type'), await style.text()]).toEqual([
      'text/css; charset=utf-8',
      'body{}',
    ]);
  });

  it('answers 304 to those that have the page, and HEAD without it', async () => {
    const ask = await served(join(directory, 'built'));
    const { headers } = await ask('/');
    const again = await ask('/', { headers: { 'if-none-match': headers.get('etag')! } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const head = await ask('/', { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', '37']);
  });

  it.each([
    ['/console/none.js', 'GET', 404],
    ['/console/notes.txt', 'GET', 404],
    ['/console/..%2f..%2fsecret', 'GET', 404],
    ['/console/', 'GET', 404],
    ['/sessions/a/b', 'GET', 404],
    ['/elsewhere', 'GET', 404],
    ['/', 'POST', 405],
    ['/console/style-12345678.css', 'PUT', 405],
  ])('%s by %s is %i', async (path, method, status) => {
    const ask = await served(join(directory, 'built'));
    const answer = await ask(path, { method });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/json']);
  });

  it('is not served where it is switched off, and says how it is built where it was not', async () => {
    const off = await served(undefined);
    expect((await off('/')).status).toBe(404);
    const missing = await served(join(directory, 'missing'));
    const answer = await missing('/');
    expect([answer.status, await answer.json()]).toMatchObject([
      404,
      { message: expect.stringMatching(/npm run build/) },
    ]);
  });

  it('is found without a restart once it is built', async () => {
    const late = join(directory, 'late');
    const ask = await served(late);
    expect((await ask('/')).status).toBe(404);
    await mkdir(late);
    await writeFile(join(late, 'index.html'), 'built');
    expect(await (await ask('/')).text()).toBe('built');
  });
});

describe('calls of pages', () => {
  const call = { method: 'POST', body: '{}' };
  const list = '/artifacta.v1.SessionService/ListSessions';

  it('are taken from the origin of the public URL, and from no other', async () => {
    const ask = await served(undefined, 'https://artifacts.example.org/base');
    const from = (origin: string) =>
      ask(list, { ...call, headers: { origin, 'content-type': 'application/json' } });
    expect((await from('https://artifacts.example.org')).status).toBe(200);
    expect((await from('https://other.example.org')).status).toBe(403);
  });

  it('need a type that no form of another site can send', async () => {
    const ask = await served(join(directory, 'built'));
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const answer = await ask('/artifacta.v1.SessionService/DeleteSession', {
        ...call,
        headers: { 'content-type': type },
      });
      expect([type, answer.status]).toEqual([type, 415]);
    }
  });
});
