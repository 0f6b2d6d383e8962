/** The service that is asked by those who read nothing: a process of its own, in a memory control group if there is one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '@connectrpc/connect';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { freePorts } from '../../../scripts/free-ports.ts';
import { connect } from '../../../src/client/client.ts';
import { openTransport } from '../../server/grpc/listeners.ts';
import { Authority } from '../../support/certificates.ts';
import type { Listener, Wanted } from './attack.ts';
import type { MemoryGroup } from './memory-group.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');

const MiB = 1024 * 1024;

/** A service that runs; disposal kills it. */
export interface Service extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly admin: string;
  readonly listeners: readonly Listener[];
  readonly wanted: Omit<Wanted, 'kind'>;
  /** Of somebody else. */
  readonly key: string;
}

/** Starts one that holds what is asked for. */
export async function startService(
  directory: string,
  isTls: boolean,
  group: MemoryGroup | string,
): Promise<Service> {
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
    ...freePorts,
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
  const { socket = '', grpc = '', http = '', admin = '' } = ready;
  const listener = (protocol: Listener['protocol'], address: string): Listener => ({
    protocol,
    address,
    isTls: isTls && !address.startsWith('/'),
  });
  return {
    child,
    pid: Number(ready.pid),
    url: `http${isTls ? 's' : ''}://${http}`,
    admin: `http://${admin}`,
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
export function residentOf(pid: number): number | undefined {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1024);
  } catch {
    return undefined;
  }
}

/** Figures of the service by their names. */
export async function figuresOf({ admin }: Service): Promise<(name: string) => number> {
  const answer = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(30_000) });
  const body = await answer.text();
  return (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(body)?.[1] ?? Number.NaN);
}
