/** Bytes that no model reads: tickets by the tools, over both transports, used by a program without credentials. */
import { join } from 'node:path';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startServe } from '../e2e/serve-process.ts';
import { newDirectory } from '../support/command.ts';
import { agentOver, eras, messageBytesMax, openServed, startAgent } from './support.ts';

const bytes = 'id,value\n'.repeat(100_000);

describe.each(eras)('a client of %s', { timeout: 120_000 }, (era) => {
  it('pushes and pulls by ticket, over standard input and over HTTP', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const { http } = await startServe(dataDir).ready;
    const url = `http://${http}`;
    const local = (await startAgent(era, ['--url', url])).agent;
    const remote = await agentOver(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)), era);
    onTestFinished(() => remote.client.close());
    for (const [session, agent] of [
      ['local', local],
      ['remote', remote],
    ] as const) {
      await agent.call('open_session', { session, metadata: { agent: 'a' } });
      const wanted = { session, name: 'table.csv', metadata: { step: 'extract' }, ticket: true };
      const { ticket } = await agent.call('push', wanted);
      expect(ticket).toMatchObject({
        id: expect.stringMatching(/^tkt_/),
        uri: expect.stringMatching(new RegExp(`^${url}/t/`)),
        expire_time: expect.any(String),
      });
      for (const status of [201, 200]) {
        const put = await fetch(ticket.uri, { method: 'PUT', body: bytes, headers: { 'content-type': '' } });
        expect(put.status).toBe(status);
      }
      const { artifacts } = await agent.call('query', { filter: `session = "${session}"` });
      expect(artifacts).toMatchObject([{ name: 'table.csv', metadata: { agent: 'a', step: 'extract' } }]);
      const pulled = await agent.call('pull', { artifact: `${session}/table.csv`, ticket: true });
      expect(pulled.ticket).toMatchObject({
        size: bytes.length,
        digest: `sha-256:${artifacts[0].sha256}`,
      });
      expect(await (await fetch(pulled.ticket.uri)).text()).toBe(bytes);
      expect(agent.longest).toBeLessThan(messageBytesMax);
    }
    expect(await remote.refused('pull', { artifact: 'remote/table.csv', to: 'x' })).toMatch(/to/);
  });

  it('learns what else to do where no HTTP is served', async () => {
    const { agent, client } = await openServed(era, { allowedPaths: [await newDirectory()] });
    await client.push('a', { session: 's', name: 'a' });
    const refusal = 'cannot be made, since the store serves no HTTP';
    expect(await agent.refused('pull', { artifact: 's/a', ticket: true })).toBe(`ticket: ${refusal}: use to`);
    expect(await agent.refused('push', { name: 'b', ticket: true })).toBe(`ticket: ${refusal}: use path`);
  });
});
