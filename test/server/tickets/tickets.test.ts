/** Tickets: each is good for one thing, on behalf of its maker, for five minutes at most. */
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { Scope } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { withBlobs } from '../../support/blobs.ts';
import { refusal } from '../../support/calls.ts';
import { ARCHIVE, artifact, openTicketRig, PREVIEW, PUSH, READ, session, type TicketRig } from './rig.ts';

type Key = Awaited<ReturnType<TicketRig['key']>>;

const named = (name: string) => ({ by: { case: 'name', value: { session: 's', name } } }) as const;
const pushOf = (name: string, maxBytes?: bigint) =>
  ({ case: 'push', value: { spec: { session: 's', name }, ...(maxBytes ? { maxBytes } : {}) } }) as const;

async function store(key: Key, name: string, text: string, contentType = ''): Promise<string> {
  const { artifact: made } = await key.artifacts.createArtifact({
    spec: { session: 's', name, contentType },
    content: { case: 'data', value: Buffer.from(text) },
  });
  return made!.id;
}

async function ticketFor(key: Pick<Key, 'tickets'>, request: Parameters<Key['tickets']['createTicket']>[0]) {
  const { ticket } = await key.tickets.createTicket(request);
  return { ...ticket!, url: ticket!.localUri };
}

async function answerTo(url: string, init?: RequestInit) {
  const answer = await fetch(url, init);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const reasonOf = (text: string): string => JSON.parse(text).details?.[0]?.debug?.reason ?? text;

describe('READ and PREVIEW', () => {
  it('open one version, whole and in part, without other credentials', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'a.txt', 'first');
    const ticket = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
    await store(key, 'a.txt', 'second');
    expect(ticket).toMatchObject({
      id: expect.stringMatching(/^tkt_[0-9a-f]{32}$/),
      path: expect.stringMatching(/^\/t\/[\w.-]+$/),
      uri: `https://store.example${ticket.path}`,
      localUri: `${rig.url}${ticket.path}`,
      size: 5n,
      digest: expect.stringMatching(/^sha-256:[0-9a-f]{64}$/),
    });
    const whole = await answerTo(ticket.url);
    expect([whole.status, whole.text, whole.headers.get('cache-control')]).toEqual([
      200,
      'first',
      'private, no-store',
    ]);
    expect((await answerTo(ticket.url, { headers: { range: 'bytes=1-2' } })).text).toBe('ir');
    const head = await answerTo(ticket.url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
  });

  it('PREVIEW shows any type in an origin of its own; READ saves it', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'p.html', '<script>1</script>', 'text/html');
    const preview = await ticketFor(key, { kind: PREVIEW, target: artifact('p.html') });
    const shown = (await answerTo(preview.url)).headers;
    expect(shown.get('content-type')).toBe('text/html');
    expect(shown.get('content-disposition')).toBe('inline; filename="p.html"');
    expect(shown.get('content-security-policy')).toMatch(/^sandbox allow-scripts; default-src 'none'; /);
    expect(shown.get('content-security-policy')).not.toContain('allow-same-origin');
    expect(shown.get('content-security-policy')).toContain("frame-ancestors 'self'");
    const read = await ticketFor(key, { kind: READ, target: artifact('p.html') });
    const saved = (await answerTo(read.url)).headers;
    expect(saved.get('content-disposition')).toBe('attachment; filename="p.html"');
    expect(saved.get('content-security-policy')).toBe("sandbox; default-src 'none'");
  });

  it('ignore the credentials that come with them, good or bad', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'a.txt', 'first');
    const { url } = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
    const headers = { authorization: 'Bearer wrong', 'artifacta-namespace': 'other' };
    expect((await answerTo(url, { headers })).text).toBe('first');
  });
});

describe('ARCHIVE', () => {
  it('is a zip file of the latest versions', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'dir/a.txt', 'old');
    await store(key, 'dir/a.txt', 'new');
    await store(key, 'c:x', 'no drive');
    const { url } = await ticketFor(key, { kind: ARCHIVE, target: session('s') });
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toBe('application/zip');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="s.zip"');
    const files = unzipSync(new Uint8Array(await answer.arrayBuffer()));
    const texts = Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]);
    expect(texts.sort()).toEqual([
      ['c:x', 'no drive'],
      ['dir/a.txt', 'new'],
    ]);
    const head = await answerTo(url, { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
  });
});

it('ARCHIVE breaks off at damage: half a zip file never looks like a whole one', async () => {
  const memory = openMemoryBlobs();
  let isDamaged = false;
  const blobs = withBlobs(memory, {
    read: async function* (...args) {
      for await (const piece of memory.read(...args)) {
        if (isDamaged && piece[0] === 0x78) piece[0] ^= 1;
        yield piece;
      }
    },
  });
  const rig = await openTicketRig({ blobs });
  const key = await rig.key();
  await store(key, 'a.txt', 'a'.repeat(200_000));
  await store(key, 'b.bin', 'x'.repeat(900_000));
  const { url } = await ticketFor(key, { kind: ARCHIVE, target: session('s') });
  isDamaged = true;
  await expect(fetch(url).then((answer) => answer.arrayBuffer())).rejects.toThrow();
  expect(rig.calls.at(-1)).toMatchObject({
    method: expect.stringMatching(/DownloadArchive$/),
    outcome: 'DATA_LOSS',
  });
});

describe('PUSH', () => {
  const put = (url: string, body: string, headers: Record<string, string> = {}) =>
    answerTo(url, { method: 'PUT', body, headers });

  it('stores one artifact as its maker described it; again, it replays', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    const spec = { session: 's', name: 'a.csv', metadata: { agent: 'x' }, labels: { l: '1' } };
    const ticket = await ticketFor(key, {
      kind: PUSH,
      target: { case: 'push', value: { spec, maxBytes: 10n } },
    });
    expect(ticket.size).toBe(10n);
    const [first, again] = await Promise.all([put(ticket.url, 'a,b'), put(ticket.url, 'a,b')]);
    expect([first.status, again.status].sort()).toEqual([200, 201]);
    const stored = JSON.parse(first.text).artifact;
    expect(stored).toMatchObject({ name: 'a.csv', metadata: { agent: 'x' }, labels: { l: '1' } });
    expect(JSON.parse(again.text).artifact.id).toBe(stored.id);
    expect(JSON.parse((await put(ticket.url, 'a,b')).text).receipt.replayed).toBe(true);
    const other = await put(ticket.url, 'other');
    expect([other.status, reasonOf(other.text)]).toEqual([409, 'REQUEST_ID_REUSED']);
  });

  it('refuses more bytes than its maker allowed, declared or not, and stores nothing', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    const { url } = await ticketFor(key, { kind: PUSH, target: pushOf('a.bin', 3n) });
    expect((await put(url, '1234')).status).toBe(413);
    const body = new ReadableStream({
      start(controller) {
        for (const part of ['12', '34']) controller.enqueue(Buffer.from(part));
        controller.close();
      },
    });
    const streamed = await answerTo(url, { method: 'PUT', body, duplex: 'half' } as RequestInit);
    expect([streamed.status, reasonOf(streamed.text)]).toEqual([413, 'ARTIFACT_TOO_LARGE']);
    expect(await refusal(key.sessions.getSession({ session: 's' }))).toMatchObject({
      reason: 'SESSION_NOT_FOUND',
    });
    expect((await put(url, '123')).status).toBe(201);
  });

  it('takes type and digest from the headers only where its maker left them open', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    const open = await ticketFor(key, { kind: PUSH, target: pushOf('a') });
    const stored = await put(open.url, 'x', { 'content-type': 'text/csv' });
    expect(JSON.parse(stored.text).artifact.contentType).toBe('text/csv');
    const spec = { session: 's', name: 'b', contentType: 'text/markdown', sha256: 'a'.repeat(64) };
    const closed = await ticketFor(key, { kind: PUSH, target: { case: 'push', value: { spec } } });
    const wrong = await put(closed.url, 'x', { 'content-type': 'text/csv' });
    expect(reasonOf(wrong.text)).toBe('DIGEST_MISMATCH');
    const digest = `sha-256=:${Buffer.alloc(32).toString('base64')}:`;
    const contradiction = await put(closed.url, 'x', { 'content-digest': digest });
    expect([contradiction.status, contradiction.text]).toEqual([
      400,
      expect.stringContaining('Content-Digest'),
    ]);
    const keyed = await put(open.url, 'x', { 'idempotency-key': 'k' });
    expect([keyed.status, keyed.text]).toEqual([400, expect.stringContaining('Idempotency-Key')]);
  });

  it('counts for the byte limit of the token that made it', async () => {
    const rig = await openTicketRig();
    const { admin } = await rig.key();
    const { token } = await admin.mintToken({ scopes: [Scope.WRITE], maxPushBytes: 4n });
    const agent = rig.clients(token);
    const tickets = await Promise.all(
      ['a', 'b'].map((name) => ticketFor(agent, { kind: PUSH, target: pushOf(name) })),
    );
    expect((await put(tickets[0]!.url, '123')).status).toBe(201);
    expect(reasonOf((await put(tickets[1]!.url, '456')).text)).toBe('QUOTA_EXCEEDED');
  });
});

describe('a ticket ends', () => {
  it('at its time, at the latest after five minutes, and with its maker’s token', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'a.txt', 'first');
    const { token } = await key.admin.mintToken({ scopes: [Scope.READ], ttl: { seconds: 60n } });
    const brief = await ticketFor(key, {
      kind: READ,
      target: artifact('a.txt'),
      ttl: { nanos: 1, seconds: 1n },
    });
    const whole = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
    const agents = await ticketFor(rig.clients(token), { kind: READ, target: artifact('a.txt') });
    expect(Number(whole.expireTime!.seconds) * 1000).toBe(Math.floor(rig.clock.now / 1000) * 1000 + 300_000);
    expect(Number(agents.expireTime!.seconds) * 1000).toBe(Math.floor(rig.clock.now / 1000) * 1000 + 60_000);
    const statuses = async () =>
      Promise.all([brief, agents, whole].map(async ({ url }) => (await answerTo(url)).status));
    rig.clock.now += 999;
    expect(await statuses()).toEqual([200, 200, 200]);
    rig.clock.now += 2;
    expect(await statuses()).toEqual([401, 200, 200]);
    rig.clock.now += 59_000;
    expect(await statuses()).toEqual([401, 401, 200]);
    rig.clock.now += 240_000;
    expect(await statuses()).toEqual([401, 401, 401]);
  });

  it('with its maker’s key, also for tokens that were minted with it', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'a.txt', 'first');
    const { token } = await key.admin.mintToken({ scopes: [Scope.READ, Scope.WRITE] });
    const made = await Promise.all([
      ticketFor(key, { kind: READ, target: artifact('a.txt') }),
      ticketFor(key, { kind: PUSH, target: pushOf('b') }),
      ticketFor(rig.clients(token), { kind: ARCHIVE, target: session('s') }),
    ]);
    await rig.store.apiKeys.revoke(key.id);
    for (const { url, kind } of made) {
      const answer = await answerTo(url, kind === PUSH ? { method: 'PUT', body: 'x' } : {});
      expect([kind, answer.status, reasonOf(answer.text)]).toEqual([kind, 401, 'UNAUTHENTICATED']);
    }
  });

  it('with its target', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'a.txt', 'first');
    const read = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
    const archive = await ticketFor(key, { kind: ARCHIVE, target: session('s') });
    await key.artifacts.deleteArtifact({ artifact: named('a.txt') });
    expect((await answerTo(read.url)).status).toBe(404);
    await key.sessions.deleteSession({ session: 's' });
    expect((await answerTo(archive.url)).status).toBe(404);
  });

  it('if it was made without credentials and they are required now', async () => {
    const rig = await openTicketRig({ isRequired: false });
    const guest = rig.clients();
    await guest.artifacts.createArtifact({
      spec: { session: 's', name: 'a.txt' },
      content: { case: 'data', value: Buffer.from('x') },
    });
    const { url } = await ticketFor(guest, { kind: READ, target: artifact('a.txt') });
    expect((await answerTo(url)).status).toBe(200);
    rig.requireCredentials();
    expect((await answerTo(url)).status).toBe(401);
  });
});

describe('a ticket gives nobody more than its maker has', () => {
  it('needs the scope of its kind, and no share', async () => {
    const rig = await openTicketRig();
    const [reader, writer] = [await rig.key(['read']), await rig.key(['write'])];
    await store(writer, 'a.txt', 'first');
    const push = { kind: PUSH, target: pushOf('b') };
    for (const kind of [READ, PREVIEW])
      expect(await refusal(writer.tickets.createTicket({ kind, target: artifact('a.txt') }))).toMatchObject({
        reason: 'PERMISSION_DENIED',
      });
    expect(await refusal(writer.tickets.createTicket({ kind: ARCHIVE, target: session('s') }))).toMatchObject(
      { reason: 'PERMISSION_DENIED' },
    );
    expect(await refusal(reader.tickets.createTicket(push))).toMatchObject({ reason: 'PERMISSION_DENIED' });
    await writer.tickets.createTicket(push);
    await reader.tickets.createTicket({ kind: ARCHIVE, target: session('s') });
  });

  it('stays within the sessions and names of a restricted token', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    for (const name of ['in/a', 'out']) await store(key, name, name);
    const { token } = await key.admin.mintToken({
      scopes: [Scope.READ, Scope.WRITE],
      sessions: ['s'],
      namePrefix: 'in/',
    });
    const agent = rig.clients(token);
    const refused = [
      { kind: READ, target: artifact('out') },
      { kind: PUSH, target: pushOf('out2') },
      { kind: ARCHIVE, target: session('t') },
    ];
    for (const request of refused)
      expect(['PERMISSION_DENIED', 'ARTIFACT_NOT_FOUND', 'SESSION_NOT_FOUND']).toContain(
        (await refusal(agent.tickets.createTicket(request))).reason,
      );
    const { url } = await ticketFor(agent, { kind: ARCHIVE, target: session('s') });
    const files = unzipSync(new Uint8Array(await (await fetch(url)).arrayBuffer()));
    expect(Object.keys(files)).toEqual(['in/a']);
  });

  it('is no credential for anything else, and no credential is a ticket', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    await store(key, 'a.txt', 'first');
    const { path, url } = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
    const text = path.slice('/t/'.length);
    for (const bearer of [text, `arc_${text}`])
      expect(await refusal(rig.clients(bearer).sessions.getSession({ session: 's' }))).toMatchObject({
        reason: 'UNAUTHENTICATED',
      });
    const { token } = await key.admin.mintToken({ scopes: [Scope.READ] });
    for (const other of [key.secret, token, token.slice('arc_'.length), 'x', ''])
      expect([other, (await answerTo(`${rig.url}/t/${other}`)).status]).toEqual([other, 401]);
    for (const method of ['PUT', 'POST', 'DELETE'])
      expect((await answerTo(url, { method })).status).toBe(405);
    expect((await answerTo(`${url}?x=1`)).status).toBe(400);
  });

  it('changed in kind or target it is good for nothing', async () => {
    const rig = await openTicketRig();
    const key = await rig.key();
    const id = await store(key, 'a.txt', 'first');
    await store(key, 'b.txt', 'other');
    const { path } = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
    const [head = '', body = '', signature = ''] = path.slice('/t/'.length).split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    expect(claims).toMatchObject({ kind: 'read', target: id });
    for (const change of [{ kind: 'push' }, { kind: 'archive', target: 's' }, { exp: claims.exp + 1 }]) {
      const changed = Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url');
      expect((await answerTo(`${rig.url}/t/${head}.${changed}.${signature}`)).status).toBe(401);
    }
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'artifacta-ticket+jwt' })).toString(
      'base64url',
    );
    expect((await answerTo(`${rig.url}/t/${none}.${body}.`)).status).toBe(401);
  });
});

it('is in no log, trace or error, whether it is good or not', async () => {
  const rig = await openTicketRig();
  const key = await rig.key();
  await store(key, 'a.txt', 'first');
  const { path } = await ticketFor(key, { kind: READ, target: artifact('a.txt') });
  const token = path.slice('/t/'.length);
  const texts = [
    await answerTo(`${rig.url}/t/${token}`),
    await answerTo(`${rig.url}/t/${token}`, { method: 'PUT', body: 'x' }),
    await answerTo(`${rig.url}/t/${token.slice(0, -2)}`),
    await answerTo(`${rig.url}/t/${token}/more`),
  ].map(({ text, headers }) => `${text} ${JSON.stringify([...headers])}`);
  const told = [...texts, JSON.stringify(rig.calls), String(rig.unexpected)].join('\n');
  expect(rig.calls.filter(({ method }) => method === 'http/UseTicket')).toMatchObject([
    { outcome: 'UNAUTHENTICATED' },
  ]);
  for (const part of token.split('.')) expect(told).not.toContain(part.slice(0, 40));
});
