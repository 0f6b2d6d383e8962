/** A link's secret goes to the service and to whoever runs the command, and nowhere else. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { openHttpTransport } from '../server/http/listeners.ts';
import { newDirectory } from '../support/command.ts';
import { artifactaAt } from '../support/in-process.ts';
import { clientFor, startServe } from './serve-process.ts';

/** Somebody else's server, which answers everything, where the command line's settings say that HTTP is served. */
async function stranger() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end('gotcha');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { asked, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function served(args: readonly string[] = []) {
  const dataDir = join(await newDirectory(), 'data');
  const ready = await startServe(dataDir, args).ready;
  const elsewhere = await stranger();
  const env = { ...process.env, ARTIFACTA_HTTP_LISTEN: elsewhere.address, ARTIFACTA_DATA_DIR: dataDir };
  const run = (...line: string[]) => artifactaAt({ env }, line);
  const { code } = await run('push', import.meta.filename, '--session', 's', '--name', 'a');
  expect(code).toBe(0);
  return { ready, elsewhere, run };
}

it('by every way to the service the link is where the service serves it', async () => {
  const { ready, elsewhere, run } = await served();
  const ways = [[], ['--url', `grpc://${ready.grpc}`], ['--url', `http://${ready.http}`]];
  for (const way of ways) {
    const { code, stdout, stderr } = await run('share', 's/a', ...way);
    expect([way, code]).toEqual([way, 0]);
    expect(stdout).toMatch(new RegExp(`^http://${ready.http}/s/[A-Za-z0-9_-]{43}\n$`));
    expect(stderr).toContain('--public-url');
    expect(await (await fetch(stdout.trim())).text()).toContain("Somebody else's server");
  }
  expect(elsewhere.asked).toEqual([]);
});

it('where the service serves no HTTP there is a path, and nobody is asked', async () => {
  const { elsewhere, run } = await served(['--http-listen', 'none']);
  const { code, stdout, stderr } = await run('share', 's/a');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\/s\/[A-Za-z0-9_-]{43}\n$/);
  // No example either: an address that is only likely is somebody else's.
  expect(stderr).not.toContain(stdout.trim());
  expect(elsewhere.asked).toEqual([]);
});

it('all transports say the same address, a wildcard as loopback', async () => {
  for (const [listen, shown] of [
    ['127.0.0.1:0', '127.0.0.1'],
    ['0.0.0.0:0', '127.0.0.1'],
  ] as const) {
    const { ready } = await served(['--http-listen', listen, '--insecure']);
    const port = String(ready.http).split(':').at(-1);
    const listeners = [
      clientFor(String(ready.grpc)),
      clientFor(`unix:${ready.socket}`),
      createClient(ArtifactService, openHttpTransport('Connect', `http://127.0.0.1:${port}`)),
      createClient(ArtifactService, openHttpTransport('gRPC-Web', `http://127.0.0.1:${port}`)),
    ];
    for (const service of listeners) {
      const artifact = { by: { case: 'name', value: { session: 's', name: 'a' } } } as const;
      const { path, url, localUrl } = await service.createShareLink({ artifact });
      expect({ url, localUrl }).toEqual({ url: '', localUrl: `http://${shown}:${port}${path}` });
    }
  }
});
