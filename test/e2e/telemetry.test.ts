/** What the service as a process tells: to probes, to Prometheus, to a collector and in its log; and what it does not. */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answerOf, eventually, framed, openRawConnection } from '../server/grpc/raw-call.ts';
import { byName, refusal, someBytes, uploadMessages } from '../support/calls.ts';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { startReceiver } from '../telemetry/otlp-receiver.ts';
import { parseScrape } from '../telemetry/prometheus.ts';
import { clientFor, startServe } from './serve-process.ts';

const withAdmin = ['--admin-listen', '127.0.0.1:0'];

async function newDataDir(): Promise<string> {
  return join(await newDirectory(), 'data');
}

async function ask(admin: unknown, path: string): Promise<[number, string]> {
  const answer = await fetch(`http://${String(admin)}${path}`);
  return [answer.status, await answer.text()];
}

async function phaseAt(admin: unknown): Promise<[number, unknown]> {
  const [status, body] = await ask(admin, '/readyz');
  return [status, JSON.parse(body)];
}

describe('probes', () => {
  it('find the service ready, then leaving but alive, until the last call has ended', async () => {
    const server = startServe(await newDataDir(), [...withAdmin, '--grace-seconds', '600']);
    const { admin } = await server.ready;
    expect(await phaseAt(admin)).toEqual([200, { phase: 'serving' }]);
    server.child.kill('SIGTERM');
    await eventually(async () => (await phaseAt(admin))[0] === 503, 5_000);
    expect(await phaseAt(admin)).toEqual([503, { phase: 'leaving' }]);
    expect(await ask(admin, '/healthz')).toEqual([200, 'ok\n']);
    const families = parseScrape((await ask(admin, '/metrics'))[1]);
    expect(families.get('artifacta_ready')?.samples).toMatchObject([{ value: 0 }]);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    await expect(ask(admin, '/healthz')).rejects.toThrow();
  });

  it('find a store in recovery alive and not ready', async () => {
    const dataDir = await newDataDir();
    expect(await artifacta('session', 'open', 's', '--data-dir', dataDir)).toMatchObject({ code: 0 });
    await rm(join(dataDir, 'index', 'CURRENT'));
    const server = startServe(dataDir, withAdmin);
    await eventually(() => server.lines.some(({ msg }) => msg === 'in recovery'), 10_000);
    const { admin } = server.lines.find(({ msg }) => msg === 'in recovery')!;
    expect(await phaseAt(admin)).toEqual([503, { phase: 'recovery' }]);
    expect(await ask(admin, '/healthz')).toEqual([200, 'ok\n']);
    const families = parseScrape((await ask(admin, '/metrics'))[1]);
    expect(families.get('artifacta_store_losses')?.samples).toMatchObject([{ value: 1 }]);
    expect(families.has('artifacta_index_batches_total')).toBe(false);
  });

  it('find the next service at the address of the one before', async () => {
    const dataDir = await newDataDir();
    const first = startServe(dataDir, withAdmin);
    const { admin } = await first.ready;
    const second = startServe(dataDir, ['--admin-listen', String(admin)]);
    await eventually(() => second.lines.some(({ msg }) => msg.startsWith('waiting')), 10_000);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    expect((await second.ready).admin).toBe(admin);
    expect(await phaseAt(admin)).toEqual([200, { phase: 'serving' }]);
  });

  it('are told if they can come from anywhere, and if there is no room for them', async () => {
    const server = startServe(await newDataDir(), ['--admin-listen', '0.0.0.0:0']);
    const { admin } = await server.ready;
    const warnings = server.warnings();
    expect(warnings).toEqual([
      expect.stringMatching(/^--admin-listen: other machines can reach 0\.0\.0\.0,/),
    ]);
    const port = String(admin).split(':').at(-1)!;
    const other = startServe(await newDataDir(), ['--admin-listen', `0.0.0.0:${port}`]);
    expect(await other.ended).toBe(1);
    expect(other.stderr()).toBe(
      `artifacta: cannot listen on 0.0.0.0:${port}: the address is in use; choose another address with --admin-listen\n`,
    );
  });
});

describe('metrics over HTTP', () => {
  it('are for operators, and have the names of those of the admin listener', async () => {
    const dataDir = await newDataDir();
    const server = startServe(dataDir, [...withAdmin, '--auth']);
    const { admin, http } = await server.ready;
    const keyOf = async (...args: string[]) =>
      (await artifacta('keys', 'create', ...args, '--data-dir', dataDir)).stdout.trim();
    const get = (token?: string, method = 'GET') =>
      fetch(`http://${String(http)}/metrics`, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      });
    expect((await get()).status).toBe(401);
    expect((await get(await keyOf('--scope', 'read,write,share'))).status).toBe(403);
    expect((await get('ark_wrong')).status).toBe(401);
    const operator = await keyOf('--operator');
    const answer = await get(operator);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const names = [...parseScrape(await answer.text()).keys()].sort();
    expect(names).toContain('artifacta_store_free_bytes');
    expect(names).toEqual([...parseScrape((await ask(admin, '/metrics'))[1]).keys()].sort());
    expect((await get(operator, 'POST')).status).toBe(405);
  });

  it('do not exist where none are collected, and no caller without credentials sees them', async () => {
    const dataDir = await newDataDir();
    const server = startServe(dataDir);
    const { http } = await server.ready;
    expect((await fetch(`http://${String(http)}/metrics`)).status).toBe(403);
    const key = (await artifacta('keys', 'create', '--operator', '--data-dir', dataDir)).stdout.trim();
    const answer = await fetch(`http://${String(http)}/metrics`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('--admin-listen')]);
  });
});

describe('spans and log lines', () => {
  it('of a call have the trace of its caller', async () => {
    const receiver = await startReceiver();
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of-the-collector',
      OTEL_SERVICE_NAME: 'store-of-tests',
    };
    const server = startServe(await newDataDir(), ['--log-level', 'debug'], variables);
    const client = clientFor(String((await server.ready).grpc));
    const traceId = randomBytes(16).toString('hex');
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    await client.uploadArtifact(uploadMessages({ session: 's', name: 'n' }, someBytes(10)), { headers });
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/v1/traces']);
    expect(receiver.requests[0]!.body.includes('store-of-tests')).toBe(true);
    expect(receiver.requests[0]!.headers.authorization).toBe('Bearer of-the-collector');
    expect(JSON.stringify(server.lines) + server.stderr()).not.toContain('of-the-collector');
    expect(receiver.spans()).toMatchObject([{ traceId, parentSpanId: 'b7ad6b7169203331' }]);
    expect(server.lines.filter(({ msg }) => msg === 'call')).toMatchObject([{ trace_id: traceId }]);
  });

  it('have the fields that are documented; without a collector none is of a trace', async () => {
    const page = await readFile(resolve(import.meta.dirname, '../../docs/observability.md'), 'utf8');
    const table = /<!-- log-fields -->\n(.*?)<!-- \/log-fields -->/s.exec(page)![1]!;
    const documented = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!);
    const server = startServe(await newDataDir(), ['--log-level', 'debug']);
    const client = clientFor(String((await server.ready).grpc));
    const headers = { traceparent: `00-${'a'.repeat(32)}-b7ad6b7169203331-01` };
    await refusal(client.getArtifact({ artifact: byName('s', 'n') }, { headers }));
    await client.uploadArtifact(uploadMessages({ session: 's', name: 'n' }, someBytes(10)));
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    const calls = server.lines.filter(({ msg }) => msg === 'call');
    expect(calls).toHaveLength(2);
    for (const line of calls)
      expect(Object.keys(line).sort()).toEqual(
        [
          'level',
          'time',
          'msg',
          ...documented.filter((name) => !/^(?:err|trace_id|redirected)$/.test(name)),
        ].sort(),
      );
    expect(calls).toMatchObject([
      { level: 'info', transport: 'network', namespace: 'default', outcome: 'SESSION_NOT_FOUND' },
      { level: 'debug', outcome: 'OK' },
    ]);
  });
});

describe('secrets', () => {
  const secret = 'S3cret-that-Nobody-may-Log';
  const path = '/artifacta.v1.ArtifactService/GetArtifact';

  it('appear nowhere in what the process prints, wherever callers put them', async () => {
    const server = startServe(await newDataDir(), [...withAdmin, '--log-level', 'trace']);
    const { grpc, socket, admin } = await server.ready;
    for (const address of [String(grpc), `unix:${String(socket)}`]) {
      const headers = { authorization: `Bearer ${secret}` };
      const client = clientFor(address);
      expect(await refusal(client.getArtifact({}, { headers }))).toMatchObject({ reason: 'UNAUTHENTICATED' });
      await refusal(
        client.uploadArtifact(uploadMessages({ session: 's', name: 'n' }, someBytes(9)), { headers }),
      );
      await refusal(async () => await Array.fromAsync(client.downloadArtifact({}, { headers })));
      const named = { 'artifacta-namespace': secret };
      expect(await refusal(client.getArtifact({}, { headers: named }))).toMatchObject({
        reason: 'INVALID_ARGUMENT',
      });
    }
    await askOddly(String(grpc));
    for (const header of [`Bearer ${secret}`, `${secret} é`, `Bearer ${secret.repeat(1_000)}`])
      for (const to of [String(admin), String(grpc)])
        await sent(
          to,
          `GET /metrics?token=${secret} HTTP/1.1\r\nhost: x\r\nauthorization: ${header}\r\n\r\n`,
        );
    await sent(
      String(admin),
      `POST /${secret} HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\n{"token":"${secret}`,
    );
    await sent(String(admin), `${secret}\r\n\r\n`);
    // It still takes calls, and what it said of these is there to be seen.
    await refusal(clientFor(String(grpc)).getArtifact({ artifact: byName('its-log-line', 'n') }));
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    const outcomes = server.lines.filter(({ msg }) => msg === 'call').map(({ outcome }) => outcome);
    // Six by clients, and by hand those whose header can be read.
    expect(outcomes.filter((outcome) => outcome === 'UNAUTHENTICATED').length).toBeGreaterThan(6 + 3);
    expect(outcomes.at(-1)).toBe('SESSION_NOT_FOUND');
    expect(JSON.stringify(server.lines) + server.stderr()).not.toContain('S3cret');
  });

  /** What no client library can be made to send. */
  async function askOddly(address: string): Promise<void> {
    const odd: [path: string, headers: Record<string, string>][] = [
      [path, { authorization: secret }],
      [path, { authorization: `Bearer ${secret}, Bearer ${secret}` }],
      [path, { authorization: `Bearer ${secret.repeat(200)}` }],
      [path, { authorization: `Bearer ${secret} é\u00ff` }],
      [path, { authorization: `Bearer ${secret}\t` }],
      [path, { 'authorization-bin': `${secret}!` }],
      [path, { authorization: '', 'x-token': secret, cookie: `token=${secret}` }],
      [path, { traceparent: secret, tracestate: `a=${secret}` }],
      [path, { 'grpc-timeout': secret }],
      [path, { 'grpc-encoding': secret }],
      [path, { 'content-type': `application/${secret}` }],
      [`${path}?token=${secret}`, { authorization: `Bearer ${secret}` }],
      [`/${secret}/${secret}`, {}],
    ];
    const bodies = [framed(new Uint8Array()), framed(Buffer.from(`\xff${secret}`))];
    for (const [at, headers] of odd)
      for (const body of bodies) {
        await using raw = await openRawConnection(address);
        const stream = raw.call(at, headers);
        stream.end(body);
        await answerOf(stream).catch(() => undefined);
      }
    // More than the header list may hold.
    await using raw = await openRawConnection(address, { maxSendHeaderBlockLength: 1_000_000 });
    const stream = raw.call(path, { authorization: `Bearer ${secret.repeat(4_000)}` });
    await new Promise((resolve) => stream.once('close', resolve));
  }

  /** Sends text as it is, and waits until the other side has closed. */
  async function sent(address: string, text: string): Promise<void> {
    const at = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined).resume();
    socket.end(text, 'latin1');
    await new Promise((resolve) => socket.once('close', resolve));
  }
});
