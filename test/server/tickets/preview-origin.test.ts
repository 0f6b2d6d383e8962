/** Previews with an origin of their own: what is served there, and which pages may show them. */
import { request } from 'node:http';
import { expect, it } from 'vitest';
import { artifact, openTicketRig, PREVIEW, READ } from './rig.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Asks under another name than that of the address, as behind a proxy. */
function ask(
  url: string,
  host: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { host, ...headers } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    asked.on('error', reject).end(method === 'POST' ? '{}' : undefined);
  });
}

async function opened() {
  const rig = await openTicketRig({ previewOrigin: 'https://previews.example:8443' });
  const key = await rig.key();
  await key.artifacts.createArtifact({
    spec: { session: 's', name: 'p.html', contentType: 'text/html' },
    content: { case: 'data', value: Buffer.from('<p>page') },
  });
  const make = async (kind: typeof PREVIEW | typeof READ) =>
    (await key.tickets.createTicket({ kind, target: artifact('p.html'), requireUri: true })).ticket!;
  return { rig, key, preview: await make(PREVIEW), read: await make(READ) };
}

it('a ticket for a preview names the origin, and others do not', async () => {
  const { preview, read } = await opened();
  expect([preview.uri, preview.previewOrigin]).toEqual([
    `https://previews.example:8443${preview.path}`,
    'https://previews.example:8443',
  ]);
  expect([read.uri, read.previewOrigin]).toEqual([`https://store.example${read.path}`, '']);
});

it('under the name of previews nothing but tickets is served, whatever the port', async () => {
  const { rig, key, preview } = await opened();
  for (const host of ['previews.example:8443', 'previews.example', 'PREVIEWS.example:1']) {
    const shown = await ask(`${rig.url}${preview.path}`, host);
    expect([shown.status, shown.text]).toEqual([200, '<p>page']);
    const authorization = `Bearer ${key.secret}`;
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/sessions/s'],
      ['GET', '/console/console-12345678.js'],
      ['GET', '/v1/sessions/s/artifacts/p.html'],
      ['PUT', '/v1/sessions/s/artifacts/new'],
      ['GET', '/s/token'],
      ['GET', '/t'],
      ['POST', '/mcp'],
      ['POST', '/artifacta.v1.SessionService/ListSessions'],
      ['OPTIONS', '/artifacta.v1.SessionService/ListSessions'],
    ] as const) {
      const answer = await ask(`${rig.url}${path}`, host, method, {
        authorization,
        'content-type': 'application/json',
      });
      expect([host, method, path, answer.status]).toEqual([host, method, path, 404]);
    }
  }
  const usual = await ask(`${rig.url}/v1/sessions/s/artifacts/p.html`, 'store.example', 'GET', {
    authorization: `Bearer ${key.secret}`,
  });
  expect(usual.status).toBe(200);
});

it('only pages of the public URL may show a preview in a frame', async () => {
  const { rig, preview } = await opened();
  const { headers } = await ask(`${rig.url}${preview.path}`, 'previews.example');
  const policy = String(headers['content-security-policy']).split('; ');
  expect(policy).toContain('frame-ancestors https://store.example');
  expect(policy).toContain('sandbox allow-scripts');
  expect(policy).toContain("default-src 'none'");
});

it('a page of the origin of previews may not call the service', async () => {
  const { rig, key } = await opened();
  const answer = await ask(`${rig.url}/artifacta.v1.SessionService/ListSessions`, 'store.example', 'POST', {
    authorization: `Bearer ${key.secret}`,
    'content-type': 'application/json',
    origin: 'https://previews.example:8443',
  });
  expect(answer.status).toBe(403);
});
