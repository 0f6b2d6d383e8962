/**
 * The service of a data directory, for a program on this machine: one that runs, or one that this program starts and
 * that ends with the last program that uses it (`serve --while-stdin`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '@connectrpc/connect';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { ArtifactaError } from '../../client/errors.ts';
import { openEndpoint } from '../../client/wire/endpoint.ts';
import type { Way } from '../../client/wire/link.ts';
import { afterAwaitedTime } from '../../domain/timer.ts';
import { answersOurs } from '../../server/addresses.ts';
import { launcherEnvironment } from '../../settings/config.ts';
import type { Place } from '../../settings/config-shapes.ts';

/** How long a service that listens may take to answer, in milliseconds. */
const answerMsMax = 5_000;
/** The last lines of a service that did not start. */
const keptLines = 5;

/** The first Node that runs the service. The library itself runs on older ones. */
const nodeMajorMin = 24;

/**
 * Opens the way to the service of a data directory, which stays until the way is closed.
 *
 * @throws ArtifactaError UNAVAILABLE if none runs and none can be started.
 */
export async function openLocalWay(place: Place): Promise<Way> {
  return (await holdRunning(place.socket)) ?? (await startOwn(place));
}

/**
 * Uses the service on the socket. A call that stays open keeps it from ending, since the program for which it runs may
 * end before this one.
 *
 * @returns undefined if none listens, or if it does not answer or is about to end.
 */
async function holdRunning(socket: string): Promise<Way | undefined> {
  if (!(await answersOurs(socket))) return undefined;
  const endpoint = await openEndpoint(`unix:${socket}`);
  const stop = new AbortController();
  const cancel = afterAwaitedTime(answerMsMax, () => stop.abort());
  const statuses = createClient(Health, endpoint.transport).watch({}, { signal: stop.signal });
  const watch = statuses[Symbol.asyncIterator]();
  const first = await watch.next().catch(() => undefined);
  cancel();
  if (first === undefined || first.done) {
    await endpoint.close();
    return undefined;
  }
  const untilItEnds = async () => {
    while (!(await watch.next()).done);
  };
  // When it has ended, calls fail, and the next one looks for another service.
  void untilItEnds().catch(() => undefined);
  const close = async () => {
    stop.abort();
    await endpoint.close();
  };
  return { transport: endpoint.transport, passes: true, close };
}

/** Starts a service, or a process that uses the service of another program and takes its place when that ends. */
async function startOwn({ dataDir, socket }: Place): Promise<Way> {
  const launcher = launcherPath();
  const child = spawn(
    launcher,
    ['serve', '--while-stdin', '--data-dir', dataDir, '--socket', socket, '--log-format', 'json'],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: launcherEnvironment(ownNode()),
      // Ctrl-C reaches this program alone: it may still have to seal its session.
      detached: true,
    },
  );
  await started(child, dataDir);
  const endpoint = await openEndpoint(`unix:${socket}`);
  const close = async () => {
    await endpoint.close();
    child.stdin?.end();
  };
  return { transport: endpoint.transport, passes: true, close };
}

/** Waits for the line that says that it serves. @throws ArtifactaError UNAVAILABLE with what it said if it ends. */
async function started(child: ChildProcess, dataDir: string): Promise<void> {
  const said: string[] = [];
  const hear = (text: string) => {
    said.push(text);
    if (said.length > keptLines) said.shift();
  };
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const message = messageOf(line);
      if (message === 'ready' || message === 'in recovery') resolve();
      else hear(message);
    });
    createInterface({ input: child.stderr! }).on('line', hear);
    child.on('error', reject);
    child.on('close', () => reject(new Error(said.at(-1) ?? 'it has ended')));
  });
  child.stdin!.on('error', () => undefined);
  try {
    await ready;
  } catch (error) {
    const why = (error as Error).message.replace(/^artifacta: /, '');
    throw new ArtifactaError(
      `cannot start a service for the data directory ${dataDir}: ${why}; to use a service that runs, give its URL or set ARTIFACTA_URL`,
      { code: 'UNAVAILABLE', cause: error },
    );
  }
  // A program that never closes its client may end all the same, and the service then ends with it.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr])
    (stream as { unref?(): void } | null)?.unref?.();
}

function messageOf(line: string): string {
  try {
    return String((JSON.parse(line) as { msg?: unknown }).msg ?? line);
  } catch {
    return line;
  }
}

/** Returns the launcher of this package, or of the checkout. */
function launcherPath(): string {
  const found = ['../../../..', '../../..']
    .map((up) => join(import.meta.dirname, up, 'bin', 'artifacta'))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new ArtifactaError(
    'no URL of a service is set, and the command that starts one was not found, perhaps because the package was ' +
      'bundled: set ARTIFACTA_URL, or install the package artifacta instead of bundling it',
    { code: 'UNAVAILABLE' },
  );
}

/** Returns the Node that runs this program, if it can run the service as well. */
function ownNode(): string | undefined {
  const { execPath, versions } = process;
  const isNode = basename(execPath) === 'node' && Number.parseInt(versions.node, 10) >= nodeMajorMin;
  return isNode ? execPath : undefined;
}
