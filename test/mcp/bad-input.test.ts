/** Wrong arguments, lines that are not messages, clients that leave, and sessions that others have ended. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { transportTo } from '../cli/support.ts';
import { eras, messageBytesMax, openServed, serve } from './support.ts';

const envelope = {
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  },
};

describe.each(eras)('arguments of a client of %s', (era) => {
  it.each([
    ['push', { text: 5, name: 'a' }, /text: must be text$/],
    ['push', { text: 'a', name: 'a', metadata: { a: 1 } }, /metadata\.a: must be text$/],
    ['push', { text: 'a', name: 'a', inputs: 'art_1' }, /inputs: must be a list$/],
    ['push', { text: 'a', nmae: 'a' }, /nmae: must be left out: this tool has no such argument$/],
    ['push', { text: 'a' }, /^name: is required with text$/],
    ['push', { name: 'a' }, /^path, text, ticket: exactly one of these must be given$/],
    ['push', { name: 'a', text: 'a', path: 'a' }, /^path, text, ticket: exactly one of these must be given$/],
    ['push', { name: 'a', text: '\ud800' }, /text: must be valid Unicode, without half surrogates$/],
    ['push', { name: 'a', text: 'ä'.repeat(4_097) }, /text: must be at most 8192 bytes of UTF-8, not 8194: /],
    ['push', { name: 'a', text: 'a', metadata: { k: '\ud800' } }, /metadata\.k: must be valid Unicode/],
    ['push', { name: '../a', text: 'a' }, /^INVALID_ARGUMENT: .*name/],
    ['push', { name: 'a', text: 'a', session: 'a/b' }, /^INVALID_ARGUMENT: .*session/],
    ['push', { name: 'a', text: 'a', inputs: ['art_x'] }, /inputs/],
    ['read', {}, /^artifact: is required$/],
    ['read', { artifact: 's/a', head: 1, tail: 1 }, /^head, tail: only one of these may be given$/],
    ['read', { artifact: 's/a', head: 0 }, /head: must be at least 1$/],
    ['read', { artifact: 's/a', max_bytes: 1_000_000 }, /max_bytes: must be at most 10240$/],
    ['read', { artifact: 's/a' }, /^SESSION_NOT_FOUND: /],
    ['read', { artifact: 's/a', grep: { pattern: '(' } }, /^(INVALID_ARGUMENT|SESSION_NOT_FOUND): /],
    ['read', { cursor: 'x' }, /^cursor: must be the next_cursor of an answer of read$/],
    ['read', { artifact: 'art_1', version: 2 }, /^version: must be left out with an id/],
    ['query', { filter: 'name ~ 3' }, /^INVALID_ARGUMENT: filter/],
    ['query', { limit: 51 }, /limit: must be at most 50$/],
    ['show', {}, /^artifact, session: exactly one of the two must be given$/],
    ['wait_session', { session: 's', timeout_seconds: 60 }, /timeout_seconds: must be at most 50$/],
    ['wait_session', { session: 'none', timeout_seconds: 0 }, /^SESSION_NOT_FOUND: /],
    ['seal_session', { outcome: 'done' }, /outcome: must be "succeeded" or "failed" or "cancelled"$/],
    [
      'seal_session',
      { outcome: 'failed' },
      /^session: is required: this agent run has not opened a session yet$/,
    ],
    ['pull', { artifact: 's/a' }, /^to, ticket: exactly one must be given$/],
  ])('%s %j', async (name, args, expected) => {
    const { agent, client } = await openServed(era);
    expect(await agent.refused(name, args)).toMatch(expected);
    expect(await Array.fromAsync(client.query())).toEqual([]);
    expect(agent.longest).toBeLessThan(messageBytesMax);
  });

  it('of 10 MB are refused, and the connection stays', async () => {
    const { agent } = await openServed(era);
    expect(await agent.refused('push', { name: 'a', text: 'x'.repeat(10_000_000) })).toMatch(
      /text: must be at most 8192 bytes of UTF-8, not 10000000: /,
    );
    const odd = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`key ${at}`, 'x'.repeat(90)]));
    expect((await agent.refused('query', odd)).length).toBeLessThan(2_100);
    expect((await agent.call('push', { name: 'a', text: 'a' })).effect).toBe('new');
  });

  it('answers stay short, whatever the artifacts have', async () => {
    const { agent, client } = await openServed(era, { session: 'wide' });
    const metadata = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`key-${at}`, '\u0001'.repeat(200)]),
    );
    const names = Array.from(
      { length: 60 },
      (_, at) => `${'"'.repeat(250)}/${'"'.repeat(250)}/${'"'.repeat(250)}/${at}`,
    );
    for (const name of names) await client.push('\u0001'.repeat(20_000), { session: 'wide', name, metadata });
    await client.sessions.open('empty');
    const { artifacts, next_cursor: cursor } = await agent.call('query', { session: 'wide', limit: 50 });
    expect(artifacts.length).toBeGreaterThan(0);
    const more = await agent.call('query', { session: 'wide', limit: 50, cursor });
    expect(more.artifacts[0].id).not.toBe(artifacts[0].id);
    await agent.call('show', { artifact: artifacts[0].id });
    await agent.call('show', { session: 'wide' });
    const piece = await agent.call('read', { artifact: artifacts[0].id, max_bytes: 10_240 });
    expect(piece.content.length).toBeGreaterThan(500);
    const compared = await agent.call('compare', { base: 'empty', session: 'wide', limit: 100 });
    const rest = await agent.call('compare', {
      base: 'empty',
      session: 'wide',
      offset: compared.next_offset,
    });
    expect(rest.differences[0].name).not.toBe(compared.differences[0].name);
    await agent.client.listResources();
    await agent.client.readResource({ uri: 'artifacta://session/wide' });
    await agent.client.readResource({ uri: `artifacta://artifact/${artifacts[0].id}` });
    expect(agent.longest).toBeLessThan(messageBytesMax);
  });
});

describe('lines that are not messages', () => {
  async function openRaw() {
    const { store, client } = await openServed('2026');
    const streams = { input: new PassThrough(), output: new PassThrough() };
    const served = serve(await connect(transportTo(store)), streams);
    const lines = streams.output.setEncoding('utf8')[Symbol.asyncIterator]();
    let rest = '';
    const next = async () => {
      while (!rest.includes('\n')) rest += (await lines.next()).value;
      const line = rest.slice(0, rest.indexOf('\n'));
      rest = rest.slice(line.length + 1);
      return JSON.parse(line);
    };
    const send = (line: string | Buffer) => {
      streams.input.write(line);
      streams.input.write('\n');
    };
    const end = async () => {
      streams.input.end();
      await served;
    };
    return { send, next, end, client };
  }

  const call = (id: number, args: object) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'push', arguments: args, ...envelope },
    });

  it('get an error each, and the connection stays', async () => {
    const { send, next, end } = await openRaw();
    send('{"jsonrpc":"2.0"');
    expect(await next()).toMatchObject({
      id: null,
      error: { code: -32700, message: 'message: must be JSON in one line' },
    });
    send('');
    send('{"jsonrpc":"1.0","id":4,"method":5}');
    expect(await next()).toMatchObject({ id: 4, error: { code: -32600 } });
    send(Buffer.from(call(5, { name: 'a', text: '~' }).replace('~', '\xff'), 'latin1'));
    expect(await next()).toMatchObject({ id: 5, error: { code: -32600, message: 'message: must be UTF-8' } });
    send('x'.repeat(33 * 1024 * 1024));
    expect(await next()).toMatchObject({
      id: null,
      error: { message: expect.stringMatching(/^message: must have at most/) },
    });
    send(call(6, { name: 'a', text: 'a' }));
    expect(await next()).toMatchObject({ id: 6, result: { structuredContent: { effect: 'new' } } });
    await end();
  });

  it('of another era than the connection get an error', async () => {
    const { send, next, end } = await openRaw();
    send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: envelope }));
    expect(await next()).toMatchObject({ id: 1, result: { tools: expect.any(Array) } });
    send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' }));
    expect(await next()).toMatchObject({ id: 2, error: { code: expect.any(Number) } });
    await end();
  });
});

describe.each(eras)('a client of %s that', (era) => {
  it('cancels a wait gets no answer, and the server goes on', async () => {
    const { agent, client } = await openServed(era);
    await client.sessions.open('s');
    const giveUp = new AbortController();
    const waiting = agent.client.callTool(
      { name: 'wait_session', arguments: { session: 's' } },
      { signal: giveUp.signal },
    );
    await agent.call('show', { session: 's' });
    giveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(await agent.call('wait_session', { session: 's', timeout_seconds: 0 })).toMatchObject({
      sealed: false,
    });
  });

  it('disconnects in the middle of a push leaves nothing half, and its session sealed', async () => {
    const { agent, client, served } = await openServed(era, { session: 's' });
    await agent.call('push', { name: 'a', text: 'a' });
    const pushing = agent.result('push', { name: 'b', text: 'b' }).catch(() => undefined);
    await agent.client.close();
    await Promise.all([pushing, served]);
    const session = await client.sessions.get('s');
    expect(session).toMatchObject({ state: 'sealed', outcome: 'succeeded' });
    expect(['a', 'b']).toEqual(
      expect.arrayContaining((await Array.fromAsync(client.query())).map(({ name }) => name)),
    );
  });

  it('is stopped leaves its session to its lease', async () => {
    const stop = new AbortController();
    const { agent, client, served } = await openServed(era, { session: 's', signal: stop.signal });
    await agent.call('push', { name: 'a', text: 'a' });
    stop.abort();
    await served;
    expect(await client.sessions.get('s')).toMatchObject({ state: 'open', lease: { durationMs: 600_000 } });
  });

  it('has its session ended by another learns that', async () => {
    const { agent, client, served } = await openServed(era, { session: 's' });
    await agent.call('push', { name: 'a', text: 'a' });
    await client.sessions.seal('s', 'cancelled');
    expect(await agent.refused('push', { name: 'b', text: 'b' })).toMatch(/^SESSION_SEALED: .*open_session/);
    const { session } = await agent.call('open_session', { session: 't' });
    expect((await agent.call('push', { name: 'b', text: 'b' })).artifact.session).toBe(session.id);
    await agent.client.close();
    await served;
    expect(await client.sessions.get('s')).toMatchObject({ outcome: 'cancelled' });
    expect(await client.sessions.get('t')).toMatchObject({ outcome: 'succeeded' });
  });

  it('works in a session of another program leaves it open', async () => {
    const { agent, client, served } = await openServed(era, { session: 'outer' });
    await client.sessions.open('outer');
    await agent.call('push', { name: 'a', text: 'a' });
    await client.sessions.open('second');
    await agent.call('open_session', { session: 'second' });
    await agent.client.close();
    await served;
    expect(await client.sessions.get('outer')).toMatchObject({ state: 'open', lease: undefined });
    expect(await client.sessions.get('second')).toMatchObject({ state: 'open', lease: undefined });
  });
});

it('a service that does not answer is an error of each call, and no end of the server', async () => {
  const { agent, client } = await openServed('2026', { allowedPaths: [import.meta.dirname] });
  const away = await connect('grpc://127.0.0.1:1', { retry: { attemptsMax: 1 } });
  const own = client.push;
  client.push = (content, options) => away.push(content, options);
  expect(await agent.refused('record_file', { path: 'bad-input.test.ts' })).toMatch(/^UNAVAILABLE: /);
  client.push = own;
  expect(await agent.call('record_file', { path: 'bad-input.test.ts' })).toMatchObject({ recorded: true });
  await away.close();
});
