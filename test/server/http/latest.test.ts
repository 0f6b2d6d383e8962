/** `GET` and `HEAD /v1/sessions/{session}/artifacts/{name}`: the latest of what PUT stored there, and why it is not there. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectedOfArtifact } from '../../api/targets/answers.ts';
import { artifactColumns } from '../../api/targets/artifact-columns.ts';
import { artifactStates } from '../../api/targets/artifact-targets.ts';
import {
  inlineBytesMax,
  routesOf,
  theName,
  theSession,
  transportOf,
  World,
} from '../../api/targets/world.ts';
import { byName, create, sha256, someBytes } from '../../support/calls.ts';
import { closeChecked, openTestStore } from '../../support/service.ts';
import { startTestServer } from '../grpc/listeners.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { exchangeRaw, head, parseError } from './raw.ts';

const size = 1000;
const bytes = someBytes(size);
const pathTo = (name: string, session = 's') => `/v1/sessions/${session}/artifacts/${name}`;

async function opened(options: Parameters<typeof openHttpRig>[0] = {}): Promise<HttpRig> {
  const rig = await openHttpRig(options);
  onTestFinished(() => closeChecked(rig));
  return rig;
}

async function bodyOf(answer: Response): Promise<Uint8Array> {
  return new Uint8Array(await answer.arrayBuffer());
}

/** What is the same however an artifact is asked for. */
function comparable({ status, headers }: Response) {
  const passing = ['date', 'connection', 'keep-alive'];
  return { status, headers: Object.fromEntries([...headers].filter(([name]) => !passing.includes(name))) };
}

describe('what PUT stored', () => {
  it.each(['a', 'reports/q%203.html', 'a%2Fb', '%E6%BC%A2%E5%AD%97.txt', '%252e%252e', 'e%CC%81'])(
    'as %s is given back from there, as it is by its id',
    async (name) => {
      const rig = await opened();
      const url = `${rig.url}${pathTo(name)}`;
      const put = await fetch(url, {
        method: 'PUT',
        body: bytes as never,
        headers: { 'content-type': 'text/html' },
      });
      expect(put.status).toBe(201);
      const [byItsName, byItsId] = [
        await fetch(url),
        await fetch(`${rig.url}${put.headers.get('location')}`),
      ];
      expect(comparable(byItsName)).toEqual(comparable(byItsId));
      expect(Object.fromEntries(byItsName.headers)).toMatchObject({
        etag: put.headers.get('etag'),
        'content-length': String(size),
        'content-disposition': expect.stringMatching(/^attachment; /),
        'content-security-policy': "sandbox; default-src 'none'",
        'cross-origin-resource-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
        'cache-control': 'private, no-cache',
      });
      expect(Buffer.compare(await bodyOf(byItsName), bytes)).toBe(0);
      const told = await fetch(url, { method: 'HEAD' });
      expect(comparable(told)).toEqual(comparable(byItsName));
      expect(await bodyOf(told)).toHaveLength(0);
    },
  );

  it('is the latest version, and each part is one of it', async () => {
    const rig = await opened();
    const url = `${rig.url}${pathTo('a')}`;
    const first = await fetch(url, { method: 'PUT', body: 'first' });
    const etag = first.headers.get('etag')!;
    expect(await (await fetch(url, { headers: { range: 'bytes=0-1', 'if-range': etag } })).text()).toBe('fi');
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    await fetch(url, { method: 'PUT', body: 'second' });
    expect(await (await fetch(url)).text()).toBe('second');
    const part = await fetch(url, { headers: { range: 'bytes=-3' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      'bytes 3-5/6',
      'ond',
    ]);
    const whole = await fetch(url, { headers: { range: 'bytes=0-1', 'if-range': etag } });
    expect([whole.status, await whole.text()]).toEqual([200, 'second']);
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(200);
    expect((await fetch(url, { headers: { 'if-match': etag } })).status).toBe(412);
    const beyond = await fetch(url, { headers: { range: 'bytes=6-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */6']);
  });

  it('is what any other way stored', async () => {
    const rig = await opened();
    await create(rig, { session: 's', name: 'a', contentType: 'text/plain' }, 'x');
    const answer = await fetch(`${rig.url}${pathTo('a')}`);
    expect([answer.headers.get('content-type'), answer.headers.get('etag')]).toEqual([
      'text/plain',
      `"${sha256(Buffer.from('x'))}"`,
    ]);
    expect((await rig.artifacts.getArtifact({ artifact: byName('s', 'a') })).artifact?.version).toBe(1n);
  });
});

describe('a request for it', () => {
  it.each([
    ['..', 'name'],
    ['%00', 'name'],
    ['%', 'name'],
    ['%ff', 'name'],
    ['', 'name'],
    ['a//b', 'name'],
    ['x'.repeat(300), 'name'],
  ])('by the name %j is refused as a PUT is', async (path, field) => {
    const rig = await opened();
    for (const method of ['GET', 'PUT']) {
      const lines = [`${method} ${pathTo(path)} HTTP/1.1`, 'Connection: close'] as const;
      const answer = await exchangeRaw(rig.url, head(rig.url, ...lines));
      const { reason, fields, message } = parseError(answer.body);
      expect([method, answer.status, reason, fields]).toEqual([method, 400, 'INVALID_ARGUMENT', [field]]);
      expect(message).toMatch(new RegExp(`^${field}: `));
    }
  });

  it('by a session that cannot be names the session', async () => {
    const rig = await opened();
    const answer = await fetch(`${rig.url}${pathTo('a', '%20')}`);
    expect(parseError(await answer.text()).fields).toEqual(['session']);
  });

  it('takes no parameters', async () => {
    const rig = await opened();
    await create(rig, { session: 's', name: 'a' }, 'x');
    const answer = await fetch(`${rig.url}${pathTo('a')}?version=1`);
    expect([answer.status, parseError(await answer.text()).fields]).toEqual([400, ['query']]);
  });

  it('asks for credentials as a PUT does', async () => {
    const rig = await opened();
    const headers = { authorization: 'Bearer secret-token' };
    for (const method of ['GET', 'HEAD', 'PUT'])
      expect((await fetch(`${rig.url}${pathTo('a')}`, { method, headers })).status).toBe(401);
  });

  it.each(['POST', 'DELETE', 'PATCH', 'OPTIONS'])('is no %s', async (method) => {
    const rig = await opened();
    const answer = await fetch(`${rig.url}${pathTo('a')}`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT']);
  });
});

describe('an artifact that is', () => {
  const statuses: Readonly<Record<string, number>> = {
    ARTIFACT_NOT_FOUND: 404,
    SESSION_NOT_FOUND: 404,
    ARTIFACT_EXPIRED: 410,
    ARTIFACT_DELETED: 410,
    DATA_LOSS: 500,
  };

  it.each(artifactStates.map((state) => [state.what, state] as const))('%s', async (_what, state) => {
    const stack = new AsyncDisposableStack();
    onTestFinished(() => stack.disposeAsync());
    const store = stack.use(await openTestStore({ inlineBytesMax }));
    const http = { host: '127.0.0.1', port: 0 };
    const { addresses } = stack.use(await startTestServer(routesOf(store), { http }));
    const world = await World.make(store, transportOf(store), 'row');
    const { caller = world.owner, session = theSession, name = theName } = await state.make(world);
    const expected = expectedOfArtifact(artifactColumns, state, 'name');
    const url = `http://${addresses.http}${pathTo(name, session)}`;
    for (const [method, call] of [
      ['GET', 'DownloadArtifact'],
      ['HEAD', 'GetArtifact'],
    ] as const) {
      const answer = await fetch(url, { method, headers: caller.headers });
      const reason = expected[call]!;
      expect([method, answer.status]).toEqual([method, reason === 'found' ? 200 : statuses[reason]]);
      if (reason === 'found') {
        const { artifact } = await caller.artifacts.getArtifact({ artifact: byName(session, name) });
        expect(answer.headers.get('etag')).toBe(`"${artifact!.sha256}"`);
        await answer.arrayBuffer();
      } else if (method === 'GET') expect(parseError(await answer.text()).reason).toBe(reason);
    }
  });
});
