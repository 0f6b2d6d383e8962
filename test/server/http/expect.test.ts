/** `Expect: 100-continue` in every spelling, over HTTP/1.1 and HTTP/2, and what else may be expected. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Tls } from '../../../src/server/tls.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { closeChecked } from '../../support/service.ts';
import { openHttpRig } from './listeners.ts';
import { head, openSocket, parseAnswer } from './raw.ts';

const spellings = ['100-continue', '100-Continue', '100-CONTINUE', '100-continue, 100-Continue'];
const others = [
  '',
  'x',
  '100',
  '100-continue-x',
  'x-100-continue',
  '100-continue;q=1',
  '100-continue, x',
  '200-ok',
];

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

/** Of both kinds: what is for the plain routes, and what is for Connect. */
const requests: readonly Asked[] = [
  { method: 'PUT', path: '/v1/sessions/s/artifacts/a', type: 'text/plain', body: 'hello' },
  ...['application/json', 'application/proto', 'application/connect+json', 'application/grpc-web+proto'].map(
    (type): Asked => ({
      method: 'POST',
      path: `/artifacta.v1.${type.includes('connect+') ? 'ArtifactService/DownloadArtifact' : 'SessionService/ListSessions'}`,
      type,
      body: { 'application/json': '{}', 'application/proto': '' }[type] ?? '\0\0\0\0\0',
    }),
  ),
];

/** How one was answered: whether it was told to go on before its body came, and then. */
interface Answered {
  readonly isContinued: boolean;
  readonly status: number;
  readonly body: string;
}

type Ask = (request: Asked, expectation: string) => Promise<Answered>;

async function overHttp1(): Promise<Ask> {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  return async ({ method, path, type, body }, expectation) => {
    const socket = await openSocket(rig.url);
    const lines = [`Content-Type: ${type}`, `Content-Length: ${body.length}`, 'Connection: close'];
    socket.write(head(rig.url, `${method} ${path} HTTP/1.1`, `Expect: ${expectation}`, ...lines));
    const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';
    let received = '';
    for await (const bytes of socket) {
      received += String(bytes);
      if (received === goOn) socket.write(body);
    }
    const answer = parseAnswer(received);
    return { isContinued: received.startsWith(goOn), status: answer.status, body: answer.body };
  };
}

function over(session: ClientHttp2Session): Ask {
  return ({ method, path, type, body }, expectation) =>
    new Promise((resolve, reject) => {
      const headers = { ':method': method, ':path': path, 'content-type': type, expect: expectation };
      const stream = session.request(
        { ...headers, 'content-length': String(body.length) },
        { endStream: false },
      );
      let isContinued = false;
      stream.once('error', reject).once('continue', () => {
        isContinued = true;
        stream.end(body);
      });
      stream.once('response', (found) => {
        // What is refused is not to be sent.
        if (!isContinued) stream.end();
        void textOf(stream).then((text) =>
          resolve({ isContinued, status: Number(found[':status']), body: text }),
        );
      });
    });
}

async function overHttp2(): Promise<Ask> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-tls-'));
  const authority = new Authority(directory);
  const tls = await Tls.open(authority.issue('served'), {
    warn: (message) => expect.unreachable(message),
    after: () => () => {},
  });
  const rig = await openHttpRig({}, { tls });
  const session = connect(rig.url.replace('http:', 'https:'), { ca: authority.pem });
  onTestFinished(async () => {
    session.destroy();
    await closeChecked(rig);
    tls[Symbol.dispose]();
    await rm(directory, { recursive: true });
  });
  return over(session);
}

describe.each([
  ['HTTP/1.1', overHttp1],
  ...(hasOpenssl() ? ([['HTTP/2', overHttp2]] as const) : []),
] as const)('over %s', (_, open) => {
  it.each(requests)('$method $type is told to go on, however that is spelled', async (request) => {
    const ask = await open();
    for (const spelling of spellings)
      expect({ spelling, ...(await ask(request, spelling)) }).toMatchObject({ spelling, isContinued: true });
  });

  it.each(requests)('$method $type with another expectation is told that there is none', async (request) => {
    const ask = await open();
    for (const other of others) {
      const { body, ...answered } = await ask(request, other);
      // The clients of streams read no status, but what their protocol has at its end.
      const status = /connect\+|grpc-web/.test(request.type) ? 200 : 417;
      expect({ other, ...answered }).toEqual({ other, isContinued: false, status });
      expect(decodeURIComponent(body)).toContain('expect: must be 100-continue');
    }
  });
});
