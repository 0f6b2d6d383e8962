/**
 * Answers that nobody reads, on every listener, in one process: what waits to be sent stays within its limit, others
 * are answered meanwhile, and all of it comes back. `rig.ts` is the long form.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../../src/api/routes.ts';
import { UnsentBytes } from '../../../src/api/sending/unsent-bytes.ts';
import { sharedContents } from '../../../src/api/shared.ts';
import { afterRealTime } from '../../../src/api/timer.ts';
import type { Namespace } from '../../../src/domain/names.ts';
import { anonymous } from '../../../src/domain/principal.ts';
import type { Authenticate } from '../../../src/identity/authentication.ts';
import { openTransport, startTestServer, type TestServer } from '../../server/grpc/listeners.ts';
import { eventually } from '../../server/grpc/raw-call.ts';
import { openTestTls } from '../../server/tls-listeners.ts';
import { someBytes, upload } from '../../support/calls.ts';
import { removeDirectory } from '../../support/directories.ts';
import { clientsOf, openTestStore } from '../../support/service.ts';
import { attack, type Listener, listenersOf, type Wanted } from './attack.ts';

const MiB = 1024 * 1024;
const http = { host: '127.0.0.1', port: 0 };
/** Smaller than the usual one, of which whoever has a quarter leaves a quarter. */
const bytesMax = 16 * MiB;
/** More than the sockets' own buffers take. */
const contentBytes = 24 * MiB;

const elapsed = () => performance.now();
const onCall = () => undefined;
/** Whoever says so is somebody else. */
const authenticate: Authenticate = async ({ authorization }) => {
  const guest = anonymous('default' as Namespace);
  return { ...guest, subject: authorization ?? guest.subject };
};
const open = new AsyncDisposableStack();
const unsent = new UnsentBytes({
  after: afterRealTime,
  elapsed,
  unsentBytesMax: bytesMax,
  payerUnsentBytesMax: bytesMax / 4,
  // Of some connections it is known only by asking that they are lost.
  sweepMs: 500,
});
let listeners: ReadonlyMap<string, Listener>;
let wanted: Omit<Wanted, 'kind'>;
let plain: TestServer;

beforeAll(async () => {
  const opened = open.use(await openTestStore());
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-unread-'));
  open.defer(() => removeDirectory(directory));
  const tls = open.use(await openTestTls());
  const socket = join(directory, 'sock');
  const common = {
    http,
    unsent,
    shared: sharedContents(() => opened.store.shared, { onCall, elapsed }),
  };
  const all = routes({ store: () => opened.store, onCall, elapsed, authenticate });
  plain = open.use(await startTestServer(all, { ...common, socket }));
  const secured = open.use(await startTestServer(all, { ...common, tls }));
  listeners = listenersOf(plain.addresses, secured.addresses, socket);
  using transport = openTransport(plain.addresses.grpc);
  const service = { ...opened, ...clientsOf(transport.transport), transport: transport.transport, calls: [] };
  const { artifact } = await upload(service, { session: 's', name: 'large' }, someBytes(contentBytes));
  const ref = { by: { case: 'id' as const, value: artifact!.id } };
  const { path } = await service.artifacts.createShareLink({ artifact: ref });
  const metadata = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`k${at}`, 'v'.repeat(1_000)]));
  for (let at = 0; at < 160; at++)
    await service.artifacts.createArtifact({
      spec: { session: 's', name: `n${at}`, metadata },
      content: { case: 'data', value: Buffer.from('x') },
    });
  wanted = { artifact: artifact!.id, path, session: 's', headers: {} };
}, 120_000);
afterAll(() => open.disposeAsync());

/** A push, its content and a page, for somebody else. */
async function others(at: number): Promise<void> {
  const headers = { authorization: 'somebody else' };
  const url = `http://${plain.addresses.http}`;
  const bytes = Buffer.alloc(2 * MiB, at);
  const put = await fetch(`${url}/v1/sessions/s/artifacts/a`, { method: 'PUT', headers, body: bytes });
  expect(put.status).toBeLessThan(300);
  const got = await fetch(`${url}${put.headers.get('location')}`, { headers });
  expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
  const listed = await fetch(`${url}/artifacta.v1.ArtifactService/ListArtifacts`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ session: 's' }),
  });
  expect(listed.status).toBe(200);
  await listed.text();
}

const names = [
  'grpc',
  'grpc over TLS',
  'grpc on a Unix socket',
  'HTTP/1.1',
  'HTTP/1.1 over TLS',
  'HTTP/2 over TLS',
];
const cases = [
  ...names.flatMap((name) => [
    { name, kind: 'contents' as const, connections: 1 },
    { name, kind: 'pages' as const, connections: 30 },
  ]),
  { name: 'HTTP/2 over TLS', kind: 'small pages' as const, connections: 30 },
  { name: 'grpc over TLS', kind: 'large requests' as const, connections: 10 },
  { name: 'HTTP/1.1 over TLS', kind: 'large requests' as const, connections: 10 },
];

describe('answers that nobody reads', () => {
  it.each(cases)(
    '$name, $kind, $connections connections',
    { timeout: 120_000 },
    async ({ name, kind, connections }) => {
      const listener = listeners.get(name)!;
      const requests =
        kind === 'large requests' ? 3 : listener.protocol === 'HTTP/1.1' ? 16 : connections === 1 ? 100 : 30;
      const begun = await attack(listener, { ...wanted, kind }, connections, requests);
      try {
        // As much as it gets: until others of its answers wait for room, or for the one before them. The system takes all
        // of what is small.
        if (kind !== 'small pages')
          await eventually(() => unsent.waitingCount > 0 || unsent.bytes > 0, 60_000);
        for (let at = 0; at < 5; at++) await others(at);
        expect(unsent.bytesPeak).toBeLessThanOrEqual(bytesMax + MiB);
        if (connections === 1 && listener.protocol === 'HTTP/1.1')
          expect(unsent.bytes).toBeLessThanOrEqual(2 * MiB);
      } finally {
        begun.end();
      }
      const isLeft = () => unsent.bytes + unsent.answerCount + unsent.waitingCount;
      // Soon, though nobody waits for it: 20 s are how long an answer may wait for room.
      await eventually(() => isLeft() === 0, 15_000);
    },
  );
});
