/** A real service in a memory control group, asked by those who read nothing while somebody else goes on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { connect } from '../../../src/client/client.ts';
import { openTransport } from '../../server/grpc/doors.ts';
import { Authority } from '../../support/certificates.ts';
import { removeDirectory } from '../../support/directories.ts';
import { attack, type Listener, nameOf, type Wanted } from './attack.ts';
import { type MemoryGroup, makeMemoryGroup } from './memory-group.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
const canary = join(import.meta.dirname, 'canary.ts');

/** What the service may have, in MiB; without a control group, what it is held to. */
const memoryMax = 1024;
const MiB = 1024 * 1024;

interface Service extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly listeners: readonly Listener[];
  readonly wanted: Omit<Wanted, 'kind'>;
  /** Of somebody else. */
  readonly key: string;
}

async function startService(
  directory: string,
  isTls: boolean,
  group: MemoryGroup | string,
): Promise<Service> {
  const doors = ['--grpc-listen', '127.0.0.1:0', '--http-listen', '127.0.0.1:0', '--admin-listen', 'none'];
  const { cert, key: certKey } = new Authority(directory).issue('served');
  const tls = isTls ? ['--tls-cert', cert, '--tls-key', certKey] : [];
  const dataDir = join(directory, 'data');
  const command = [
    launcher,
    'serve',
    '--auth',
    '--data-dir',
    dataDir,
    '--log-level',
    'info',
    ...doors,
    ...tls,
  ];
  const enter = typeof group === 'string' ? ':' : group.enter;
  const child = spawn('sh', ['-c', `${enter} && exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! });
  const ready = await new Promise<Record<string, string>>((found, failed) => {
    lines.on('line', (line) => {
      const said = JSON.parse(line) as Record<string, string>;
      if (said.msg === 'ready') found(said);
    });
    child.once('exit', (code) => failed(new Error(`the service ended with ${code}`)));
  });
  const { socket = '', grpc = '', http = '' } = ready;
  const listener = (protocol: Listener['protocol'], address: string): Listener => ({
    protocol,
    address,
    isTls: isTls && !address.startsWith('/'),
  });
  return {
    child,
    pid: Number(ready.pid),
    url: `http${isTls ? 's' : ''}://${http}`,
    ...(await fill(socket)),
    listeners: [
      listener('grpc', grpc),
      listener('HTTP/1.1', http),
      isTls ? listener('HTTP/2', http) : listener('grpc', socket),
    ],
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

/** What is asked for, and the keys of two who ask. */
async function fill(socket: string): Promise<Pick<Service, 'wanted' | 'key'>> {
  await using operator = await connect(`unix:${socket}`);
  const scopes = ['read', 'write', 'share'] as const;
  const { secret: key } = await operator.access.createKey({ namespace: 'default', scopes: [...scopes] });
  const { secret: other } = await operator.access.createKey({ namespace: 'default', scopes: [...scopes] });
  const { artifact } = await operator.push(Buffer.alloc(64 * MiB, 'x'), { session: 's', name: 'large' });
  using transport = openTransport(`unix:${socket}`);
  const artifacts = createClient(ArtifactService, transport.transport);
  const { path } = await artifacts.createShareLink({ artifact: { by: { case: 'id', value: artifact.id } } });
  const metadata = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`k${at}`, 'v'.repeat(1_000)]));
  for (let at = 0; at < 160; at++)
    await artifacts.createArtifact({
      spec: { session: 's', name: `n${at}`, metadata },
      content: { case: 'data', value: Buffer.from('x') },
    });
  const headers = { authorization: `Bearer ${other}` };
  return { key, wanted: { artifact: artifact.id, path, session: 's', headers } };
}

/** Resident, in MiB; undefined if the process has ended. */
function residentOf(pid: number): number | undefined {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1024);
  } catch {
    return undefined;
  }
}

interface Behaved {
  readonly calls: number;
  readonly failures: readonly string[];
  readonly p50: number;
  readonly p99: number;
}

async function suffer(service: Service, listener: Listener, wanted: Wanted, connections: number, ms: number) {
  const { pid, url, key } = service;
  // Node's own warning is about the certificate, which is made here.
  const good = spawn(process.execPath, ['--no-warnings', canary, url, key], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  });
  const said = text(good.stdout);
  // Operators alone may call on the socket, and they show nothing.
  const asked = listener.address.startsWith('/') ? { ...wanted, headers: {} } : wanted;
  const begun = await attack(listener, asked, connections, listener.protocol === 'HTTP/1.1' ? 16 : 100);
  let peak = 0;
  const until = performance.now() + ms;
  while (performance.now() < until && service.child.exitCode === null && service.child.signalCode === null) {
    peak = Math.max(peak, residentOf(pid) ?? 0);
    await delay(100);
  }
  good.kill('SIGTERM');
  const behaved = JSON.parse(await said) as Behaved;
  const alive = begun.alive();
  begun.end();
  const name = `${nameOf(listener)}, ${wanted.kind}, ${connections} connections`;
  const isAlive = residentOf(pid) !== undefined;
  const faults = [
    ...(isAlive ? [] : [`${name}: the service was killed`]),
    ...(peak > memoryMax ? [`${name}: ${peak} MiB resident`] : []),
    ...(behaved.calls === 0 ? [`${name}: nobody else was served`] : []),
    ...behaved.failures.slice(0, 3).map((failure) => `${name}: another client was failed: ${failure}`),
  ];
  const others = `others: ${behaved.calls} times push, read and list, p50 ${behaved.p50} ms, p99 ${behaved.p99} ms`;
  return { faults, isAlive, said: `${name}: ${others}; at most ${peak} MiB; ${alive} left open` };
}

/** Every attack on every listener. @param seconds of each. */
export async function askAndNotRead(seconds: number, say: (line: string) => void): Promise<string[]> {
  const faults: string[] = [];
  for (const isTls of [false, true]) {
    const directory = mkdtempSync(join(tmpdir(), 'artifacta-unread-'));
    const group = makeMemoryGroup(`artifacta-unread-${process.pid}-${isTls ? 'tls' : 'clear'}`, memoryMax);
    if (typeof group === 'string') say(`WITHOUT a memory control group, so nothing is killed: ${group}`);
    const service = await startService(directory, isTls, group);
    attacks: for (const listener of service.listeners)
      for (const kind of ['contents', 'pages'] as const)
        for (const connections of [1, 100]) {
          const wanted = { ...service.wanted, kind };
          const came = await suffer(service, listener, wanted, connections, seconds * 1_000);
          say(came.said);
          faults.push(...came.faults);
          if (!came.isAlive) break attacks;
        }
    if (typeof group !== 'string')
      say(`in a control group of ${memoryMax} MiB, of which ${group.peak()} were used`);
    await service[Symbol.asyncDispose]();
    if (typeof group !== 'string') group[Symbol.dispose]();
    removeDirectory(directory);
  }
  return faults;
}
