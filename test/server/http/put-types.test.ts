/** What a PUT's Content-Type counts for: clients send one of their own where their user has said nothing. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { byName, refusal } from '../../support/calls.ts';
import { closeChecked } from '../../support/service.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { exchangeRaw, head, parseError } from './raw.ts';

const run = promisify(execFile);

async function opened(): Promise<HttpRig> {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  return rig;
}

const pathTo = (name: string) => `/v1/sessions/s/artifacts/${name}`;

function put(rig: HttpRig, name: string, body: RequestInit['body'], type?: string) {
  const headers = type === undefined ? {} : { 'content-type': type };
  return fetch(`${rig.url}${pathTo(name)}`, { method: 'PUT', body: body ?? null, headers });
}

async function typeOf(rig: HttpRig, name: string): Promise<string> {
  return (await rig.artifacts.getArtifact({ artifact: byName('s', name) })).artifact!.contentType;
}

async function expectForm(rig: HttpRig, answer: Response, advice: RegExp): Promise<void> {
  expect(answer.status).toBe(415);
  const error = parseError(await answer.text());
  expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT', fields: ['Content-Type'] });
  expect(error.message).toMatch(/^Content-Type: must /);
  expect(error.message).toMatch(advice);
  expect((await refusal(rig.artifacts.listArtifacts({ session: 's' }))).reason).toBe('SESSION_NOT_FOUND');
}

it('what fetch says of a text gives way to the extension of the name', async () => {
  const rig = await opened();
  for (const [name, type] of [
    ['a.json', 'application/json'],
    ['a%2Ejson', 'application/json'],
    ['a.txt', 'text/plain;charset=UTF-8'],
    ['a', 'text/plain;charset=UTF-8'],
  ] as const) {
    expect((await put(rig, name, '{}')).status).toBeLessThan(300);
    expect(await typeOf(rig, decodeURIComponent(name))).toBe(type);
  }
});

it.each([
  ['application/x-www-form-urlencoded', 'a.json', 'application/json'],
  ['application/x-www-form-urlencoded; charset=UTF-8', 'A.CSV', 'text/csv'],
  ['application/octet-stream', 'a.parquet', 'application/vnd.apache.parquet'],
  ['application/octet-stream', 'a', 'application/octet-stream'],
  ['application/octet-stream; x=y', 'a.json', 'application/json'],
  ['binary/octet-stream', 'a.json', 'application/json'],
  ['text/plain;charset=utf8', 'a.json', 'application/json'],
  ['text/plain; charset = utf-8', 'a', 'text/plain; charset = utf-8'],
  ['text/html', 'a.json', 'text/html'],
  ['text/plain', 'a.json', 'text/plain'],
])('%s for %s is stored as %s', async (said, name, type) => {
  const rig = await opened();
  expect((await put(rig, name, 'x', said)).status).toBe(201);
  expect(await typeOf(rig, name)).toBe(type);
});

it.each(['*/*', 'image/*'])('%s is refused: it stands for many', async (many) => {
  const rig = await opened();
  const answer = await put(rig, 'a.png', 'x', many);
  expect(answer.status).toBe(400);
  expect(parseError(await answer.text()).message).toMatch(/must be one media type/);
});

it('a form is refused, and what to send instead is said', async () => {
  const rig = await opened();
  const form = new FormData();
  form.set('file', new Blob(['{}']), 'a.json');
  await expectForm(rig, await put(rig, 'a.json', form), /curl -T FILE/);
  await expectForm(rig, await put(rig, 'a', 'x', 'MULTIPART/form-data;boundary=x'), /curl -T FILE/);
  await expectForm(rig, await put(rig, 'a', new URLSearchParams({ a: '1' })), /-H 'Content-Type: /);
  await expectForm(rig, await put(rig, 'a.zzz', 'x', 'application/x-www-form-urlencoded'), /curl -T FILE/);
});

it('a form is refused before its bytes are sent', async () => {
  const rig = await opened();
  const lines = ['Expect: 100-continue', 'Content-Length: 5', 'Connection: close'];
  const request = head(rig.url, `PUT ${pathTo('a')} HTTP/1.1`, 'Content-Type: multipart/form-data', ...lines);
  expect((await exchangeRaw(rig.url, request)).status).toBe(415);
});

it('two content types are none that could be known', async () => {
  const rig = await opened();
  const types = ['Content-Type: text/plain', 'Content-Type: text/html'];
  const request = head(
    rig.url,
    `PUT ${pathTo('a')} HTTP/1.1`,
    ...types,
    'Content-Length: 1',
    'Connection: close',
  );
  const answer = await exchangeRaw(rig.url, request, 'x');
  expect(answer.status).toBe(400);
  expect(parseError(answer.body)).toMatchObject({ fields: ['content-type'] });
  expect((await put(rig, 'a', 'x', 'text/plain, text/html')).status).toBe(400);
});

const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
);

it.runIf(hasCurl)('curl stores what it is given, however it is asked to', async () => {
  const rig = await opened();
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-curl-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'a.json');
  await writeFile(file, '{"a":\n1}');
  const curl = async (name: string, ...args: readonly string[]) => {
    const options = ['-s', '--max-time', '20', '-o', '/dev/null', '-w', '%{http_code}'];
    return (await run('curl', [...options, ...args, `${rig.url}${pathTo(name)}`])).stdout;
  };
  const binary = ['-X', 'PUT', '--data-binary', `@${file}`] as const;
  expect(await curl('a.json', '-T', file)).toBe('201');
  expect(await curl('b.json', ...binary)).toBe('201');
  expect(await curl('c', ...binary)).toBe('415');
  expect(await curl('c', ...binary, '-H', 'Content-Type: application/json')).toBe('201');
  expect(await curl('c', ...binary, '-H', 'Content-Type:')).toBe('200');
  expect(await curl('d.json', '-X', 'PUT', '-F', `file=@${file}`)).toBe('415');
  const { artifacts } = await rig.artifacts.listArtifacts({ filter: 'content_type = application/json' });
  expect(artifacts.map(({ name, sizeBytes }) => [name, sizeBytes]).sort()).toEqual([
    ['a.json', 8n],
    ['b.json', 8n],
    ['c', 8n],
  ]);
});
