/**
 * Every listener with a few places for connections, all of which one client takes and takes again. Others are served on
 * connections of their own before that has ended. `rig.ts` is the long form.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../../src/api/routes.ts';
import type { Namespace } from '../../../src/domain/names.ts';
import { anonymous } from '../../../src/domain/principal.ts';
import type { Authenticate } from '../../../src/identity/authentication.ts';
import { openAdminListener } from '../../../src/server/admin-listener.ts';
import { Readiness } from '../../../src/server/readiness.ts';
import { startTestServer } from '../../server/grpc/listeners.ts';
import { openTestTls } from '../../server/tls-listeners.ts';
import { removeDirectory } from '../../support/directories.ts';
import { openTestStore } from '../../support/service.ts';
import { type Listener, listenersOf } from '../unread/attack.ts';
import { takeConnections, ways } from './connections.ts';
import { workAnew } from './other.ts';

const connectionsMax = 8;
const open = new AsyncDisposableStack();
let listeners: ReadonlyMap<string, Listener>;
let admin = '';

/** Whoever says so is somebody else; whoever says nothing is nobody. */
const authenticate: Authenticate = async ({ authorization = 'nothing' }) => ({
  ...anonymous('default' as Namespace),
  subject: authorization,
});

beforeAll(async () => {
  const { store } = open.use(await openTestStore());
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-shares-'));
  open.defer(() => removeDirectory(directory));
  const tls = open.use(await openTestTls());
  const socket = join(directory, 'sock');
  const http = { host: '127.0.0.1', port: 0 };
  const all = routes({
    store: () => store,
    onCall: () => undefined,
    elapsed: () => performance.now(),
    authenticate,
  });
  const plain = open.use(await startTestServer(all, { http, socket, connectionsMax }));
  const secured = open.use(await startTestServer(all, { http, tls, connectionsMax }));
  listeners = listenersOf(plain.addresses, secured.addresses, socket);
  const readiness = new Readiness();
  readiness.set('serving');
  const metrics = async () => ({ contentType: 'text/plain', body: 'x' });
  const service = { address: http, readiness, metrics, connectionsMax, onUnexpectedError: () => undefined };
  admin = open.use(await openAdminListener(service)).address;
}, 60_000);
afterAll(() => open.disposeAsync());

const names = [
  'grpc',
  'grpc over TLS',
  'grpc on a Unix socket',
  'HTTP/1.1',
  'HTTP/1.1 over TLS',
  'HTTP/2 over TLS',
];
const cases = names.flatMap((name) => ways.map((way) => ({ name, way })));

describe('connections that one client takes', () => {
  it.each(cases)('$name, $way', { timeout: 60_000 }, async ({ name, way }) => {
    const listener = listeners.get(name)!;
    const credentials = [{ authorization: 'greedy' }];
    using taken = await takeConnections(listener, { way, count: 2 * connectionsMax, credentials });
    for (let at = 0; at < 3; at++) {
      await workAnew(listener, { authorization: 'somebody else' });
      await taken.goOn();
    }
    expect(taken.open()).toBeGreaterThanOrEqual(connectionsMax - 2);
    // A watch over HTTP has begun: it ends with a last message.
    if (way === 'uploads' || way === 'watches')
      expect(taken.told.join()).toContain('this connection was closed, because too many are open');
  });

  it.each(['silence', 'heads'] as const)('the admin listener, %s', async (way) => {
    const listener: Listener = { protocol: 'HTTP/1.1', address: admin, isTls: false };
    using taken = await takeConnections(listener, { way, count: 2 * connectionsMax, credentials: [{}] });
    for (let at = 0; at < 3; at++) {
      const answer = await fetch(`http://${admin}/readyz`, { headers: { connection: 'close' } });
      expect(answer.status).toBe(200);
      await answer.text();
      await taken.goOn();
    }
  });
});
