/** `artifacta serve` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '@connectrpc/connect';
import { onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { openTransport } from '../server/grpc/listeners.ts';
import { noteWarningsIn } from '../support/warnings.ts';

export const launcher = resolve(import.meta.dirname, '../../bin/artifacta');

interface Line {
  readonly msg: string;
  readonly level: string;
  readonly [key: string]: unknown;
}

export interface ServeProcess {
  readonly child: ChildProcess;
  /** Everything logged so far. */
  readonly lines: readonly Line[];
  /** What it warned of, but for that its start takes long: a busy machine may make it say so. */
  warnings(): string[];
  stderr(): string;
  /** Resolves with the ready line; rejects if the process ends without one. */
  readonly ready: Promise<Line>;
  /** Resolves when the process has ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Killed when the test ends, if it has not ended by then. For root alone: as another user. */
export function startServe(
  dataDir: string,
  args: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
  user: Readonly<{ uid?: number; gid?: number }> = {},
): ServeProcess {
  const env = {
    ...process.env,
    XDG_CACHE_HOME: join(dataDir, '..', 'cache'),
    // Whoever runs the tests may have a collector of their own.
    OTEL_EXPORTER_OTLP_ENDPOINT: '',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '',
    ...variables,
  };
  const listeners = [
    '--grpc-listen',
    '127.0.0.1:0',
    '--http-listen',
    '127.0.0.1:0',
    '--admin-listen',
    'none',
  ];
  // Of a flag that is given twice the last counts.
  const child = spawn(launcher, ['serve', '--data-dir', dataDir, ...listeners, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    ...user,
  });
  const lines: Line[] = [];
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ready = Promise.withResolvers<Line>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.msg === 'ready') ready.resolve(line);
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    noteWarningsIn(stderr);
    return (code ?? signal) as number | string;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  void ended.then((how) => ready.reject(new Error(`ended with ${how}: ${stderr}`)));
  ready.promise.catch(() => undefined);
  const warnings = () =>
    lines
      .filter(({ level, msg }) => level === 'warn' && !msg.startsWith('still starting'))
      .map(({ msg }) => msg);
  return { child, lines, warnings, stderr: () => stderr, ready: ready.promise, ended };
}

export function clientFor(address: string) {
  const opening = openTransport(address);
  onTestFinished(() => opening[Symbol.dispose]());
  return createClient(ArtifactService, opening.transport);
}
