/** `/mcp` of a real service, for clients whose tokens another issuer has signed. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentOver, eras } from '../mcp/support.ts';
import { removeDirectory } from '../support/directories.ts';
import { startServe } from './serve-process.ts';

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

const issuer = 'https://login.example.org';
/** The endpoint as clients ask the issuer for it (RFC 8707). */
const resource = 'https://store.example.org/mcp';

/** Serves the public key, as an issuer does. Resolves with the URL. */
async function publish({ publicKey }: Keys): Promise<string> {
  const body = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] });
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
}

async function open() {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-mcp-jwt-'));
  onTestFinished(() => removeDirectory(directory));
  const keys = await generateKeyPair('ES256', { extractable: true });
  const config = join(directory, 'auth.json');
  const trusted = {
    issuer,
    audiences: [resource],
    keys: { url: await publish(keys) },
    namespace: 'default',
    scopes: { claim: ['scope'] },
  };
  await writeFile(config, JSON.stringify({ jwt: [trusted] }));
  const service = startServe(join(directory, 'store'), [
    ...['--auth', '--auth-config', config, '--public-url', 'https://store.example.org'],
  ]);
  const { http } = await service.ready;
  const url = new URL('/mcp', `http://${http}`);
  const sign = (claims: JWTPayload, pair = keys, lasts = '5 minutes') =>
    new SignJWT({ iss: issuer, aud: resource, sub: 'agent-7', scope: 'read write', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuedAt()
      .setExpirationTime(lasts)
      .sign(pair.privateKey);
  return { url, sign, service };
}

const transportWith = (url: URL, token: string) =>
  new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization: `Bearer ${token}` } } });

describe('with a token of an issuer', () => {
  it.each(eras)('a client of %s has the rights that its claims give, and no others', async (era) => {
    const { url, sign } = await open();
    await using writer = await agentOver(transportWith(url, await sign({})), era);
    const { session } = await writer.call('open_session');
    const { artifact } = await writer.call('push', { session: session.id, text: 'a', name: 'a.txt' });
    expect(await writer.call('whoami')).toMatchObject({
      caller: { subject: expect.stringContaining('agent-7') },
    });
    await using reader = await agentOver(transportWith(url, await sign({ scope: 'read' })), era);
    expect((await reader.call('show', { artifact: artifact.id })).artifact.name).toBe('a.txt');
    expect(await reader.refused('push', { session: session.id, text: 'b', name: 'b' })).toMatch(
      /^PERMISSION_DENIED: /,
    );
  });

  it('for another resource, of another issuer, of another key or too late, is refused with the way to a better one', async () => {
    const { url, sign } = await open();
    const others = await generateKeyPair('ES256', { extractable: true });
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
    expect(await post(await sign({}))).toMatchObject({
      status: 200,
      text: expect.stringContaining('"push"'),
    });
    const refused = {
      status: 401,
      challenge:
        'Bearer resource_metadata="https://store.example.org/.well-known/oauth-protected-resource/mcp", error="invalid_token"',
    };
    for (const token of [
      await sign({ aud: 'https://other.example.org/mcp' }),
      await sign({ iss: 'https://evil.example.org' }),
      await sign({}, others),
      await sign({}, undefined, '5 minutes ago'),
    ])
      expect(await post(token)).toMatchObject(refused);
  });
});
