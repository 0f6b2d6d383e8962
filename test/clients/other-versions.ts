/** The services of other versions that a client meets: an older one, and one that nobody has written yet. */
import { create, type Message } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { Code, ConnectError } from '@connectrpc/connect';
import { ArtifactSchema, type ExpirySource } from '../../gen/artifacta/v1/artifact_pb.ts';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import { ServerInfoSchema, ServerLimitsSchema } from '../../gen/artifacta/v1/server_info_pb.ts';
import { SessionSchema, SessionState } from '../../gen/artifacta/v1/session_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { type WatchSessionResponse, WatchSessionResponseSchema } from '../../gen/artifacta/v1/watch_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { limits } from '../../src/domain/limits.ts';
import { type Authenticate, withoutAuthentication } from '../../src/identity/authentication.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import type { Routes } from '../../src/server/grpc/grpc.ts';
import { startServer } from '../../src/server/server.ts';
import { otherRoutes } from '../support/other-services.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import type { Place } from './programs.ts';

/** A service in this process. */
interface OtherVersion extends Place, AsyncDisposable {}

/** Takes any token, and none. */
const anyCaller: Authenticate = (presented) =>
  withoutAuthentication({ ...presented, authorization: undefined });

/** A real service with a store in memory, of before there were GetServerInfo and ListLineage. */
export async function startOlder(): Promise<OtherVersion> {
  const clock = () => Date.now();
  const store = await openCheckedStore({ index: await openMemoryIndex({ clock }), blobs: openMemoryBlobs() });
  try {
    const server = await start(otherRoutes(store, { without: ['ListLineage'], authenticate: anyCaller }));
    return {
      ...server,
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** A service whose answers are always the same, and hold more than this protocol has. */
export function startNewer(): Promise<OtherVersion> {
  return start(newerRoutes);
}

async function start(routes: Routes): Promise<OtherVersion> {
  const address = { host: '127.0.0.1', port: 0 };
  const server = await startServer({
    routes,
    grpc: address,
    http: address,
    corsOrigins: ['*'],
    checkHost: false,
    messageBytesMax: limits.messageBytesMax,
    concurrentStreamsMax: 100,
    drainMs: 0,
    onUnexpectedError: (error, method) => console.error(method, error),
  });
  return {
    grpc: server.addresses.grpc,
    http: server.addresses.http!,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A value that no enumeration has. */
const unheardOf = 99;

/** Fields that no message has: a number, and a text. Over JSON, the library leaves them out. */
function withMore<T extends Message>(message: T): T {
  const text = Buffer.from('of the future');
  message.$unknown = [
    { no: 1_000, wireType: WireType.Varint, data: Uint8Array.of(42) },
    { no: 1_001, wireType: WireType.LengthDelimited, data: Uint8Array.of(text.length, ...text) },
  ];
  return message;
}

const time = { seconds: 4_000_000_000n, nanos: 0 };

const artifact = withMore(
  create(ArtifactSchema, {
    id: 'art_01h455vb4pex5vsknk084sn02q',
    session: 'future',
    name: 'a.txt',
    version: 1n,
    sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    sizeBytes: 5n,
    contentType: 'text/plain',
    createTime: time,
    expirySource: unheardOf as ExpirySource,
    sequence: 1n,
    latest: true,
    etag: 'e1',
  }),
);

const info = withMore(
  create(ServerInfoSchema, {
    version: '99.0.0',
    methods: ['artifacta.v1.ArtifactService/CreateArtifact', 'artifacta.v1.ArtifactService/Teleport'],
    features: ['sessions-by-push', 'share-urls', 'telepathy'],
    limits: withMore(create(ServerLimitsSchema, { chunkBytes: 1_048_576, maxInlineBytes: 1_048_576 })),
  }),
);

const session = withMore(
  create(SessionSchema, {
    id: 'future',
    uid: 'ses_01h455vb4pex5vsknk084sn02q',
    state: SessionState.SEALED,
    outcome: SessionOutcome.SUCCEEDED,
    createTime: time,
    updateTime: time,
    sealTime: time,
    artifactCount: 1n,
    sizeBytes: 5n,
    lastSequence: 3n,
    etag: 'e2',
  }),
);

/** The same error for every push: its reason is not on the list. */
function ofTheFuture(): ConnectError {
  const detail = { reason: 'FUTURE_REASON', domain: 'artifacta', metadata: { planet: 'mars' } };
  return new ConnectError('the future refuses this', Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value: detail },
  ]);
}

function* events(): Generator<WatchSessionResponse> {
  const event = (sequence: bigint, event: WatchSessionResponse['event']) =>
    withMore(create(WatchSessionResponseSchema, { sequence, time, event }));
  yield event(1n, { case: 'committed', value: artifact });
  // An event that this protocol does not have: its fields alone are there.
  yield event(2n, { case: undefined });
  yield event(3n, { case: 'sealed', value: session });
}

const newerRoutes: Routes = (router) =>
  router
    .service(InfoService, { getServerInfo: () => ({ serverInfo: info }) })
    .service(ArtifactService, {
      getArtifact: () => ({ artifact }),
      createArtifact: () => {
        throw ofTheFuture();
      },
      uploadArtifact: async (requests) => {
        for await (const _ of requests);
        throw ofTheFuture();
      },
    })
    .service(SessionService, {
      getSession: () => ({ session }),
      watchSession: () => streamOf(events()),
    });

async function* streamOf<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}
