/** E: our own gRPC server with an empty handler where the push is: what a call costs before anything is stored. */
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { limits } from '../../src/domain/limits.ts';
import { startServer } from '../../src/server/server.ts';
import { sayReady } from './serve-control.ts';

const server = await startServer({
  routes: (router) => router.service(ArtifactService, { createArtifact: () => ({}) }),
  grpc: { host: '127.0.0.1', port: 0 },
  messageBytesMax: limits.messageBytesMax,
  concurrentStreamsMax: limits.concurrentStreamsMax,
  drainMs: 1_000,
  onUnexpectedError: (error) => {
    throw error;
  },
});
process.once('SIGTERM', () => process.exit(0));
sayReady(server.addresses.grpc);
