/** The text of a ticket stays with those who have it: no log line, span, metric or error of the service shows it. */
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import type { TicketTarget } from '../../src/client/published.ts';
import { newDirectory } from '../support/command.ts';
import { startReceiver } from '../telemetry/otlp-receiver.ts';
import { startServe } from './serve-process.ts';

it('is in nothing that the service says, used well, used wrongly or altered', async () => {
  const receiver = await startReceiver();
  const dataDir = join(await newDirectory(), 'data');
  const server = startServe(dataDir, ['--log-level', 'trace', '--admin-listen', '127.0.0.1:0'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  });
  const { http, admin } = await server.ready;
  const store = await connect(`http://${http}`);
  onTestFinished(() => store.close());
  await store.push('bytes', { session: 's', name: 'a.html' });
  const targets: TicketTarget[] = [
    { kind: 'read', artifact: 's/a.html' },
    { kind: 'preview', artifact: 's/a.html' },
    { kind: 'archive', session: 's' },
    { kind: 'push', spec: { session: 's', name: 'b' } },
  ];
  const said: string[] = [];
  const secrets: string[] = [];
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`http://${http}${path}`, init);
    said.push(JSON.stringify([...answer.headers]), await answer.text());
    return answer.status;
  };
  for (const target of targets) {
    const { path } = await store.ticket(target);
    secrets.push(...path.slice('/t/'.length).split('.').slice(1));
    const statuses = [
      await ask(path),
      await ask(path, { method: 'PUT', body: 'x' }),
      await ask(path, { method: 'DELETE' }),
      await ask(`${path}x`),
      await ask(`${path}/more`),
    ];
    const good = target.kind === 'push' ? [405, 201] : [200, 405];
    expect([target.kind, statuses]).toEqual([target.kind, [...good, 405, 401, 404]]);
  }
  said.push(await (await fetch(`http://${String(admin)}/metrics`)).text());
  expect(said.at(-1)).toContain('http/UseTicket');
  await store.close();
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  said.push(JSON.stringify(server.lines), server.stderr());
  expect(server.lines.filter(({ msg, method }) => msg === 'call' && method === 'http/UseTicket').length).toBe(
    4,
  );
  expect(receiver.requests.length).toBeGreaterThan(0);
  said.push(...receiver.requests.map(({ body }) => body.toString('latin1')));
  for (const secret of secrets) expect(said.join('\n')).not.toContain(secret.slice(0, 40));
});
