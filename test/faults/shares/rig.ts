/**
 * A real service whose places one credential takes, with itself and with tokens that it mints: silent uploads, watches,
 * and all connections of every listener. Somebody with another key, in a process of their own, is served all the same.
 */
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { WatchSessionRequestSchema } from '../../../gen/artifacta/v1/watch_pb.ts';
import { connect } from '../../../src/client/client.ts';
import { limits } from '../../../src/domain/limits.ts';
import { framed } from '../../server/grpc/raw-call.ts';
import { removeDirectory } from '../../support/directories.ts';
import { startCanary, startCanaryAnew } from '../canary.ts';
import type { Outcome } from '../outcome.ts';
import { startService } from '../service.ts';
import { type Listener, nameOf } from '../unread/attack.ts';
import { startService as startOnListeners } from '../unread/service.ts';
import { takeConnections, type Way, ways } from './connections.ts';

/** A way of taking places: calls of one path that begin so and then say nothing. */
interface Taking {
  readonly name: string;
  readonly path: string;
  readonly message: Uint8Array;
  /** A watch has said all with its message. */
  readonly ends: boolean;
  /** More than there are places. */
  readonly calls: number;
}

const takings: readonly Taking[] = [
  {
    name: 'silent uploads',
    path: `/${ArtifactService.typeName}/UploadArtifact`,
    message: toBinary(
      UploadArtifactRequestSchema,
      create(UploadArtifactRequestSchema, {
        part: { case: 'start', value: { spec: { session: 'taken', name: 'silent' } } },
      }),
    ),
    ends: false,
    calls: 1_200,
  },
  {
    name: 'watches',
    path: `/${SessionService.typeName}/WatchSession`,
    message: toBinary(
      WatchSessionRequestSchema,
      create(WatchSessionRequestSchema, { session: 'taken', waitForOpen: true }),
    ),
    ends: true,
    calls: 2_400,
  },
];

/** Calls for one connection. */
const streamsEach = 100;

async function takeAll(address: string, credentials: readonly string[], taking: Taking) {
  const sessions: ClientHttp2Session[] = [];
  let open = 0;
  for (let at = 0; at < taking.calls; at += streamsEach) {
    const session = connectHttp2(`http://${address}`);
    session.on('error', () => undefined);
    await once(session, 'connect');
    sessions.push(session);
    for (let stream = 0; stream < streamsEach; stream++) {
      const token = credentials[(at + stream) % credentials.length]!;
      const call = session.request({
        ':method': 'POST',
        ':path': taking.path,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: `Bearer ${token}`,
      });
      open++;
      call.on('error', () => undefined).resume();
      call.once('close', () => {
        open--;
      });
      if (taking.ends) call.end(framed(taking.message));
      else call.write(framed(taking.message));
    }
  }
  return {
    open: () => open,
    [Symbol.dispose]: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** Whether a watch of somebody else is told of what there is. */
async function watches(address: string, token: string): Promise<string[]> {
  await using client = await connect(`grpc://${address}`, { token });
  await client.push('seen', { session: 'other', name: 'seen' });
  const signal = AbortSignal.timeout(10_000);
  try {
    for await (const event of client.sessions.watch('other', { signal }))
      if (event.kind === 'committed') return [];
    return ['a watch of somebody else ended at once'];
  } catch (error) {
    return [`a watch of somebody else was refused: ${String(error)}`];
  }
}

/** Every way of taking, one after another, each for so many seconds. */
export async function* takePlaces(seconds: number): AsyncGenerator<Outcome> {
  yield* takeCalls(seconds);
  yield* takeListeners(false, seconds);
  yield* takeListeners(true, seconds);
}

/** More than there are places. */
const connections = 1_100;
/** In which a slow connection is known to be one. */
const servedMsMax = limits.uploadRateSecondsGrace * 1_000;

/** All connections of every listener. */
async function* takeListeners(isTls: boolean, seconds: number): AsyncGenerator<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-shares-'));
  const service = await startOnListeners(directory, isTls, 'no group is needed');
  try {
    const greedy = service.wanted.headers;
    for (const listener of service.listeners)
      for (const way of waysOn(listener)) yield await takeListener(service, listener, way, [greedy], seconds);
  } finally {
    await service[Symbol.asyncDispose]();
    removeDirectory(directory);
  }
}

/** All who call on the socket are the operator: nobody there is somebody else, of whom more than a share could be taken. */
function waysOn({ address }: Listener): readonly Way[] {
  return address.startsWith('/') ? ['silence', 'heads'] : ways;
}

async function takeListener(
  { key }: { readonly key: string },
  listener: Listener,
  way: Way,
  keys: readonly Readonly<Record<string, string>>[],
  seconds: number,
): Promise<Outcome> {
  const isLocal = listener.address.startsWith('/');
  const credentials = isLocal ? [] : keys;
  using taken = await takeConnections(listener, { way, count: connections, credentials });
  using other = await startCanaryAnew(listener, isLocal ? '' : key);
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    await taken.goOn();
    await delay(100);
  }
  const { calls, failures, longestMs } = await other.end();
  const open = taken.open();
  return {
    name: `${nameOf(listener)}: connections with ${way}`,
    faults: [
      ...(calls === 0 ? ['nobody else was served'] : []),
      ...(longestMs > servedMsMax ? [`others were served after ${longestMs} ms`] : []),
      ...(open < connections / 2 ? [`only ${open} connections were left open: nothing was taken`] : []),
      ...failures.slice(0, 3).map((failure) => `another client was failed: ${failure}`),
    ],
    said: `${open} connections open at the end; others: ${calls} times connect, push and list, at most ${longestMs} ms`,
  };
}

async function* takeCalls(seconds: number): AsyncGenerator<Outcome> {
  await using service = await startService('shares');
  await using operator = await connect(`unix:${service.socket}`);
  const { secret } = await operator.access.createKey({ namespace: 'default', scopes: ['read', 'write'] });
  await using greedy = await connect(`grpc://${service.grpc}`, { token: service.key });
  const minted = await Promise.all(
    Array.from({ length: 20 }, () => greedy.access.mintToken({ scopes: ['read', 'write'] })),
  );
  const credentials = [service.key, ...minted.map(({ token }) => token)];
  for (const taking of takings) {
    using taken = await takeAll(service.grpc, credentials, taking);
    await delay(1_000);
    using other = await startCanary(`http://${service.http}`, secret);
    const faults = taking.ends ? await watches(service.grpc, secret) : [];
    await delay(seconds * 1_000);
    const { calls, failures, p99 } = await other.end();
    const open = taken.open();
    yield {
      name: `${taking.name} with one key and tokens of it`,
      faults: [
        ...faults,
        ...(calls === 0 ? ['nobody else was served'] : []),
        ...(open < 100 ? [`only ${open} calls were left open: nothing was taken`] : []),
        ...failures.slice(0, 3).map((failure) => `another client was failed: ${failure}`),
      ],
      said: `${open} calls open at the end; others: ${calls} times push, read and list, p99 ${p99} ms`,
    };
  }
}
