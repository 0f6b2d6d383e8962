/** `/mcp` of a real service, for clients whose tokens another issuer has signed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentOver, eras } from '../mcp/support.ts';
import { newDirectory } from '../support/command.ts';
import { issuer, startIssuer } from '../support/issuer.ts';
import { startServe } from './serve-process.ts';

/** The endpoint as clients ask the issuer for it (RFC 8707). */
const resource = 'https://store.example.org/mcp';

async function openIssuer() {
  const started = await startIssuer();
  onTestFinished(() => started[Symbol.dispose]());
  return started;
}

async function open() {
  const directory = await newDirectory();
  const { keysUrl, sign } = await openIssuer();
  const config = join(directory, 'auth.json');
  const trusted = {
    issuer,
    audiences: [resource],
    keys: { url: keysUrl },
    namespace: 'default',
    scopes: { claim: ['scope'] },
  };
  await writeFile(config, JSON.stringify({ jwt: [trusted] }));
  const service = startServe(join(directory, 'store'), [
    ...['--auth', '--auth-config', config, '--public-url', 'https://store.example.org'],
  ]);
  const { http } = await service.ready;
  return { url: new URL('/mcp', `http://${http}`), sign };
}

const transportWith = (url: URL, token: string) =>
  new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization: `Bearer ${token}` } } });

describe('with a token of an issuer', () => {
  it.each(eras)('a client of %s has the rights that its claims give, and no others', async (era) => {
    const { url, sign } = await open();
    await using writer = await agentOver(transportWith(url, await sign(resource)), era);
    const { session } = await writer.call('open_session');
    const { artifact } = await writer.call('push', { session: session.id, text: 'a', name: 'a.txt' });
    expect(await writer.call('whoami')).toMatchObject({
      caller: { subject: expect.stringContaining('somebody') },
    });
    await using reader = await agentOver(transportWith(url, await sign(resource, { scope: 'read' })), era);
    expect((await reader.call('show', { artifact: artifact.id })).artifact.name).toBe('a.txt');
    expect(await reader.refused('push', { session: session.id, text: 'b', name: 'b' })).toMatch(
      /^PERMISSION_DENIED: /,
    );
  });

  it('for another resource, of another issuer, of another key or too late, is refused with the way to a better one', async () => {
    const { url, sign } = await open();
    const others = await openIssuer();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const post = async (token: string) => {
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          authorization: `Bearer ${token}`,
        },
        body,
      });
      return {
        status: answer.status,
        challenge: answer.headers.get('www-authenticate'),
        text: await answer.text(),
      };
    };
    expect(await post(await sign(resource))).toMatchObject({
      status: 200,
      text: expect.stringContaining('"push"'),
    });
    const refused = {
      status: 401,
      challenge:
        'Bearer resource_metadata="https://store.example.org/.well-known/oauth-protected-resource/mcp", error="invalid_token"',
    };
    for (const token of [
      await sign('https://other.example.org/mcp'),
      await sign(resource, { iss: 'https://evil.example.org' }),
      await others.sign(resource),
      await sign(resource, {}, '5 minutes ago'),
    ])
      expect(await post(token)).toMatchObject(refused);
  });
});
