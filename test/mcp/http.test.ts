/** The tools over Streamable HTTP: with the rights of each caller, and with nothing kept between calls. */

import { createRouterTransport } from '@connectrpc/connect';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { authenticationOver } from '../../src/api/credentials.ts';
import { admitWith, type CallRecord } from '../../src/api/guard.ts';
import { routes } from '../../src/api/routes.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { connect } from '../../src/client/client.ts';
import { limits } from '../../src/domain/limits.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { mountMcp } from '../../src/programs/serving/mcp-mount.ts';
import { startServer } from '../../src/server/server.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { agentOver, eras, messageBytesMax } from './support.ts';

const elapsed = () => performance.now();

interface ServedOptions {
  readonly auth?: boolean;
  readonly replicas?: number;
  readonly publicUrl?: string;
  readonly corsOrigins?: readonly string[];
  readonly consented?: readonly ('share' | 'delete')[];
}

/** Listeners of one store, as `artifacta serve` has one. */
async function openListeners({
  auth = false,
  replicas = 1,
  publicUrl,
  corsOrigins = [],
  consented = [],
}: ServedOptions = {}) {
  const store = await openCheckedStore({ index: await openMemoryIndex(), blobs: openMemoryBlobs() });
  const calls: CallRecord[] = [];
  const begun: string[] = [];
  const onStart = ({ method }: { readonly method: string }) => void begun.push(method);
  const told = { onStart, onCall: (record: CallRecord) => calls.push(record), elapsed };
  const own = routes({ store: () => store, ...told });
  const operator = await connect(createRouterTransport(own));
  const servers = await Promise.all(
    Array.from({ length: replicas }, async () => {
      const { authenticate } = authenticationOver(() => store, { isRequired: auth, elapsed });
      const all = routes({ store: () => store, ...told, authenticate });
      const admit = (header: Headers, values: Parameters<typeof admitWith>[2]) =>
        admitWith(authenticate, header, values);
      const onUnexpectedError = (error: unknown) => {
        throw error;
      };
      const mcp = mountMcp({
        routes: all,
        admit,
        issuers: ['https://login.example.org'],
        publicUrl,
        version: '1.0.0',
        consented,
        onUnexpectedError,
      });
      const server = await startServer({
        routes: all,
        mcp,
        http: { host: '127.0.0.1', port: 0 },
        checkHost: !auth,
        corsOrigins,
        messageBytesMax: limits.messageBytesMax,
        concurrentStreamsMax: limits.concurrentStreamsMax,
        drainMs: 1_000,
        onStopping: () => {
          void mcp.close();
          store.endWatches();
        },
        onUnexpectedError,
      });
      return server;
    }),
  );
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.drain()));
    await operator.close();
    await store[Symbol.asyncDispose]();
  });
  const urls = servers.map(({ addresses }) => `http://${addresses.http}`);
  return { operator, begun, calls, urls, url: urls[0]!, servers };
}

/** Connects a client whose requests go to each of the listeners in turn. */
async function agentAt(
  era: (typeof eras)[number],
  urls: readonly string[],
  token?: string,
  options: Parameters<typeof agentOver>[2] = {},
) {
  let at = 0;
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', urls[0]), {
    requestInit: { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } },
    fetch: (url, init) => {
      const { pathname } = new URL(url);
      return fetch(new URL(pathname, urls[at++ % urls.length]), init);
    },
  });
  const agent = await agentOver(transport, era, options);
  onTestFinished(() => agent.client.close());
  return agent;
}

const remote =
  'push query read pull show sessions open_session seal_session wait_session compare lineage whoami';

describe.each(eras)('over HTTP, a client of %s', (era) => {
  it('sees the tools without local paths, and none that needs a process of its own', async () => {
    const { urls } = await openListeners();
    const agent = await agentAt(era, urls);
    const { tools } = await agent.client.listTools();
    expect(tools.map(({ name }) => name).join(' ')).toBe(remote);
    const named = tools.flatMap(({ inputSchema }) => Object.keys(inputSchema.properties ?? {}));
    expect(named).not.toEqual(expect.arrayContaining(['path']));
    expect(named).not.toEqual(expect.arrayContaining(['to']));
    expect(named).not.toEqual(expect.arrayContaining(['as_default']));
    expect(agent.client.getInstructions()).toMatch(/Call open_session once, name its id in every push/);
    expect(await agent.refused('push', { session: 's', path: '/etc/passwd' })).toMatch(
      /path: must be left out/,
    );
    await expect(agent.client.callTool({ name: 'record_file', arguments: { path: 'a' } })).rejects.toThrow();
  });

  it('shares and deletes where that is enabled, once a person has agreed, which only the envelope can ask', async () => {
    const { urls, operator } = await openListeners({ replicas: 2, consented: ['share', 'delete'] });
    const questions: string[] = [];
    const consent = (message: string) => questions.push(message) > 0;
    const agent = await agentAt(era, urls, undefined, { consent });
    const { tools } = await agent.client.listTools();
    expect(tools.map(({ name }) => name).join(' ')).toBe(`${remote} share revoke_share delete`);
    const { artifact } = await operator.push('a', { session: 's', name: 'a.txt' });
    if (era === '2025') {
      for (const name of ['share', 'delete'])
        expect(await agent.refused(name, { artifact: artifact.id })).toMatch(
          /^PERMISSION_DENIED: .*cannot ask/,
        );
      expect(questions).toEqual([]);
      return;
    }
    expect(await agent.call('share', { artifact: artifact.id })).toMatchObject({
      path: expect.stringMatching(/^\/s\//),
    });
    expect(await agent.call('delete', { artifact: artifact.id })).toEqual({ deleted: true });
    expect(questions).toHaveLength(2);
    const silent = await agentAt(era, urls, undefined, { consent: () => false });
    const { artifact: other } = await operator.push('b', { session: 's', name: 'b.txt' });
    expect(await silent.refused('delete', { artifact: other.id })).toMatch(/the person has not agreed/);
    expect(await operator.get(other.id)).toMatchObject({ name: 'b.txt' });
  });

  it('hands over work, with any listener answering any call', async () => {
    const { urls, operator } = await openListeners({ replicas: 2 });
    const agent = await agentAt(era, urls);
    expect(await agent.refused('push', { text: 'a', name: 'a' })).toMatch(
      /session: is required, because this server has no default session: open_session returns an id/,
    );
    const { session } = await agent.call('open_session', { metadata: { agent: 'x' } });
    const lines = Array.from({ length: 400 }, (_, at) => `line ${at}\n`).join('');
    const { artifact } = await agent.call('push', { session: session.id, text: lines, name: 'log.txt' });
    const first = await agent.call('read', { artifact: artifact.id, max_bytes: 1_000 });
    const second = await agent.call('read', { cursor: first.next_cursor, max_bytes: 1_000 });
    expect(lines).toContain(first.content + second.content);
    const waiting = agent.call('wait_session', { session: session.id });
    await operator.sessions.seal(session.id, 'failed');
    expect(await waiting).toMatchObject({ sealed: true, session: { outcome: 'failed' } });
    expect(await agent.refused('push', { session: session.id, text: 'b', name: 'b' })).toMatch(
      /^SESSION_SEALED: /,
    );
    const { differences } = await agent.call('compare', { base: session.id, session: session.id });
    expect(differences).toEqual([]);
    expect(agent.longest).toBeLessThan(messageBytesMax);
  });

  it('has the rights of its key, until the key is revoked', async () => {
    const { urls, operator, calls } = await openListeners({ auth: true });
    const { key, secret } = await operator.access.createKey({
      namespace: 'default',
      scopes: ['read', 'write'],
    });
    const reader = await operator.access.createKey({ namespace: 'default', scopes: ['read'] });
    const agent = await agentAt(era, urls, secret);
    const { artifact } = await agent.call('push', { session: 's', text: 'a', name: 'a' });
    expect(calls.at(-1)).toMatchObject({ transport: 'network', outcome: 'OK' });
    const other = await agentAt(era, urls, reader.secret);
    expect((await other.call('show', { artifact: artifact.id })).artifact.name).toBe('a');
    expect(await other.refused('push', { session: 's', text: 'b', name: 'b' })).toMatch(
      /^PERMISSION_DENIED: /,
    );
    await operator.access.revokeKey(key.id);
    await expect(agent.result('query')).rejects.toThrow(/401|UNAUTHENTICATED|credential|revoked/i);
  });

  it('with a minted token is confined to the session of that', async () => {
    const { urls, operator } = await openListeners({ auth: true });
    const minted = await operator.access.mintToken({
      scopes: ['read', 'write'],
      sessions: ['mine'],
      ttlMs: 60_000,
    });
    const agent = await agentAt(era, urls, minted.token);
    expect((await agent.call('push', { session: 'mine', text: 'a', name: 'a' })).effect).toBe('new');
    expect(await agent.refused('push', { session: 'other', text: 'a', name: 'a' })).toMatch(
      /^PERMISSION_DENIED: /,
    );
    expect(await agent.refused('delete_everything').catch(String)).toMatch(/not found/);
  });
});

describe('a request', () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const post = (
    url: string,
    more: Record<string, string> = {},
    sent: string | Uint8Array<ArrayBuffer> = body,
  ) => fetch(`${url}/mcp`, { method: 'POST', headers: { ...headers, ...more }, body: sent });

  it('without valid credentials is refused, with the way to get some', async () => {
    const { url } = await openListeners({ auth: true, publicUrl: 'https://store.example.org' });
    const challenge =
      'Bearer resource_metadata="https://store.example.org/.well-known/oauth-protected-resource/mcp"';
    const without = await post(url);
    expect(without.status).toBe(401);
    expect(without.headers.get('www-authenticate')).toBe(challenge);
    const wrong = await post(url, { authorization: 'Bearer wrong' });
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get('www-authenticate')).toBe(`${challenge}, error="invalid_token"`);
    for (const path of ['', '/mcp']) {
      const described = await fetch(`${url}/.well-known/oauth-protected-resource${path}`);
      expect(await described.json()).toEqual({
        resource: 'https://store.example.org/mcp',
        resource_name: 'Artifacta',
        authorization_servers: ['https://login.example.org'],
        bearer_methods_supported: ['header'],
        scopes_supported: ['read', 'write', 'share'],
      });
    }
  });

  it('of a page elsewhere, or under another name, is refused', async () => {
    const { url } = await openListeners({ corsOrigins: ['https://app.example.org'] });
    expect((await post(url, { origin: 'https://evil.example.org' })).status).toBe(403);
    const allowed = await post(url, { origin: 'https://app.example.org' });
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.org');
    const preflight = await fetch(`${url}/mcp`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.org', 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/Mcp-Protocol-Version/);
  });

  it('that is long, not UTF-8, not JSON or of another method gets an error', async () => {
    const { url } = await openListeners();
    const long = await post(url, {}, 'x'.repeat(10_000_000));
    expect(long.status).toBe(413);
    expect(await long.json()).toMatchObject({ message: 'body: must have at most 1048576 bytes' });
    const latin = await post(url, {}, new Uint8Array([0x7b, 0xff, 0x7d]));
    expect([latin.status, await latin.json()]).toMatchObject([400, { message: 'body: must be UTF-8' }]);
    expect((await post(url, {}, '{')).status).toBe(400);
    expect((await post(url, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await fetch(`${url}/mcp`)).status).toBe(405);
    expect((await fetch(`${url}/mcp`, { method: 'PUT', body })).status).toBe(405);
    expect((await post(url)).status).toBe(200);
  });

  it.each(['its client leaves', 'the service stops'])('that waits ends when %s', async (what) => {
    const { url, operator, begun, calls, servers } = await openListeners();
    await operator.sessions.open('s');
    const wait = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'wait_session', arguments: { session: 's' } },
    });
    const leave = new AbortController();
    const answer = fetch(`${url}/mcp`, { method: 'POST', headers, body: wait, signal: leave.signal });
    const text = answer.then((answered) => answered.text());
    text.catch(() => undefined);
    const isWatch = (method: string) => method.endsWith('/WatchSession');
    await expect.poll(() => begun.some(isWatch)).toBe(true);
    if (what === 'its client leaves') {
      leave.abort();
      await expect(text).rejects.toThrow();
    } else {
      const drained = servers[0]!.drain();
      expect(await text).toMatch(/"isError":true/);
      expect(await drained).toEqual({ brokenOff: 0 });
    }
    await expect
      .poll(() => calls.filter(({ method }) => isWatch(method)).map(({ outcome }) => outcome))
      .toEqual([expect.stringMatching(/^(CANCELLED|SHUTTING_DOWN)$/)]);
  });
});
