/** What a client has not sent of calls that are over neither stays with it nor holds up those that come after. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { ArtifactaClient } from '../../src/client/client.ts';
import { openEndpoint, type TlsOptions } from '../../src/client/wire/endpoint.ts';
import { toArtifactaError } from '../../src/client/wire/to-error.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';
import { type Habits, type Hoarder, startHoarder } from './hoarder.ts';
import { startHttp1Hoarder } from './hoarder-http1.ts';

/** One chunk, of which 64 KiB are sent. From a stream, since larger contents that can be read twice may be hashed first. */
const content = new Uint8Array(1024 * 1024);
const name = { session: 'run', name: 'a' };
const times = 40;

interface Clients extends AsyncDisposable {
  readonly client: ArtifactaClient;
  /** By the same transport, as the library has it. */
  readonly plain: Client<typeof ArtifactService>;
}

async function clientsOf(
  { server }: Pick<Hoarder, 'server'>,
  scheme = 'grpc',
  tls?: TlsOptions,
): Promise<Clients> {
  const address = server.address() as AddressInfo | string;
  const url = typeof address === 'string' ? `unix:${address}` : `${scheme}://127.0.0.1:${address.port}`;
  const endpoint = await openEndpoint(url, tls);
  const client = new ArtifactaClient(endpoint, { retry: { attemptsMax: 1 } });
  const plain = createClient(ArtifactService, endpoint.transport);
  return { client, plain, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

/** A code, or `OK`. */
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'OK',
    (error) => toArtifactaError(error).code,
  );

/** The peer answers every small call that all is well, and says no more. */
const small = ({ client }: Clients) => outcome(client.sessions.delete('run'));

interface Way {
  readonly answers: Habits['answers'];
  readonly ends: string;
  readonly run: (clients: Clients, peer: Hoarder) => Promise<string>;
}

const push = ({ client }: Clients) => outcome(client.push(content, name));

const ways: Readonly<Record<string, Way>> = {
  'are refused': { answers: 'refused', ends: 'FAILED_PRECONDITION', run: push },
  // No artifact is in the answer, which the client says.
  'are answered with success': { answers: 'well', ends: 'INTERNAL', run: push },
  'are given up': {
    answers: 'never',
    ends: 'CANCELLED',
    run: async ({ client }, peer) => {
      const giveUp = new AbortController();
      void peer.nextUpload().then(() => giveUp.abort());
      return outcome(client.push(content, { ...name, signal: giveUp.signal }));
    },
  },
  // A source is asked for the next piece once the one before is sent: nothing waits, and the window is used all the same.
  'have a source that fails': {
    answers: 'never',
    ends: 'INTERNAL',
    run: ({ plain }, peer) => {
      const parts = async function* () {
        const come = peer.nextUpload();
        yield { part: { case: 'chunk' as const, value: content.subarray(0, 32 * 1024) } };
        await come;
        throw new Error('the disk is gone');
      };
      return outcome(plain.uploadArtifact(parts()));
    },
  },
  'reach their deadline': {
    answers: 'never',
    ends: 'DEADLINE_EXCEEDED',
    run: ({ plain }) => {
      const message = { content: { case: 'data' as const, value: content.subarray(0, 128 * 1024) } };
      return outcome(plain.createArtifact(message, { timeoutMs: 40 }));
    },
  },
};

describe.each([
  ['keeps nothing of the connection', true, true],
  ['keeps nothing of the connection, and resets nothing', false, true],
  ['keeps the connection’s window', true, false],
  ['keeps the connection’s window, and resets nothing', false, false],
])('a peer that grants a stream no more window, and %s', (_what, resets, isWide) => {
  it.each(Object.entries(ways))(
    'forty uploads that %s',
    { timeout: 60_000 },
    async (_how, { answers, ends, run }) => {
      await using peer = await startHoarder({ answers, resets, isWide });
      await using clients = await clientsOf(peer);
      for (let at = 0; at < times; at++) {
        expect([at, await run(clients, peer)]).toEqual([at, ends]);
        expect([at, await small(clients)]).toEqual([at, 'OK']);
      }
      // A connection is left where it lets nothing through, and nowhere else.
      if (isWide) expect(peer.opened).toBe(1);
      else expect(peer.opened).toBeGreaterThan(times / 4);
      await expect.poll(() => peer.open).toBe(1);
      if (!resets && isWide) await expect.poll(() => peer.resets).toBe(times);
    },
  );
});

it.each(['TLS', 'a Unix socket'])(
  'forty uploads that are refused, by %s',
  { timeout: 60_000 },
  async (by) => {
    if (by === 'TLS' && !hasOpenssl()) return;
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-unsent-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const habits = { answers: 'refused', resets: true, isWide: true } as const;
    const authority = by === 'TLS' ? new Authority(directory) : undefined;
    const { cert, key } = authority?.issue('served') ?? {};
    const tls = cert && key ? { cert: await readFile(cert), key: await readFile(key) } : undefined;
    await using peer = await startHoarder(
      habits,
      tls === undefined ? join(directory, 'sock') : undefined,
      tls,
    );
    await using clients = await clientsOf(peer, 'grpcs', authority && { ca: authority.pem });
    for (let at = 0; at < times; at++) expect([at, await push(clients)]).toEqual([at, 'FAILED_PRECONDITION']);
    expect([await small(clients), peer.opened]).toEqual(['OK', 1]);
  },
);

it('a connection that lets nothing through stays until its last call has ended', async () => {
  await using peer = await startHoarder({ answers: 'never', resets: false, isWide: false });
  await using clients = await clientsOf(peer);
  const [first, second] = [new AbortController(), new AbortController()];
  const come = peer.nextUpload();
  const still = outcome(clients.client.push(content, { ...name, signal: first.signal }));
  await come;
  const other = outcome(clients.client.push(content, { ...name, signal: second.signal }));
  // Behind the other one on the connection, which is to have begun.
  await new Promise(setImmediate);
  second.abort();
  expect(await other).toBe('CANCELLED');
  expect(await small(clients)).toBe('OK');
  expect([peer.opened, peer.open]).toEqual([2, 2]);
  first.abort();
  expect(await still).toBe('CANCELLED');
  await expect.poll(() => peer.open).toBe(1);
});

it('over HTTP/1.1 ten refused uploads leave no connection behind', { timeout: 60_000 }, async () => {
  await using peer = await startHttp1Hoarder();
  await using clients = await clientsOf(peer, 'http');
  for (let at = 0; at < 10; at++) {
    expect([at, await push(clients)]).toEqual([at, 'FAILED_PRECONDITION']);
    expect([at, await small(clients)]).toEqual([at, 'OK']);
  }
  await expect.poll(() => peer.open).toBeLessThanOrEqual(1);
});

/** One message of field 1 or 2, and whether the reader sees it. */
const streams: Readonly<Record<string, [(client: ArtifactaClient) => AsyncIterable<unknown>, number[]]>> = {
  verify: [(client) => client.admin.verify(), [0x12, 0]],
  'an export': [(client) => client.admin.exportIndex(), [0x0a, 0]],
  'a manifest': [(client) => client.sessions.manifest('run'), [0x0a, 3, 0x7b, 0x7d, 0x0a]],
};

it.each(Object.entries(streams))('%s that its reader leaves is reset', async (_what, [open, message]) => {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const resets: number[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined).on('close', () => resets.push(stream.rstCode ?? -1));
    stream.resume();
    const isCall = headers[':path']?.endsWith('/GetSession') === true;
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.write(Buffer.from([0, 0, 0, 0, isCall ? 0 : message.length, ...(isCall ? [] : message)]));
    if (isCall) stream.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((closed) => server.close(closed));
  });
  await using clients = await clientsOf({ server });
  for await (const _ of open(clients.client)) break;
  await expect.poll(() => resets).toContain(8);
});
