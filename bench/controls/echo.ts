/** E: our own gRPC server with empty handlers where pushes and lists are: what a call costs before anything is done. */
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { limits } from '../../src/domain/limits.ts';
import { startServer } from '../../src/server/server.ts';
import { sayReady } from './serve-control.ts';

const server = await startServer({
  routes: (router) =>
    router.service(ArtifactService, { createArtifact: () => ({}), listArtifacts: () => ({}) }),
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
