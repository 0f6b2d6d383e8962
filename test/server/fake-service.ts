/** A service for tests of the adapter: methods of ArtifactService that do what one test wants. */
import { createClient, type ServiceImpl } from '@connectrpc/connect';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import type { ServerOptions } from '../../src/server/server.ts';
import { openTransport, startTestServer, type TestServer } from './grpc/listeners.ts';

export type Methods = Partial<ServiceImpl<typeof ArtifactService>>;

export interface Rig extends AsyncDisposable {
  readonly server: TestServer;
  readonly client: ReturnType<typeof createClient<typeof ArtifactService>>;
}

export const pathOf = (method: string) => `/${ArtifactService.typeName}/${method}`;

export async function openRig(methods: Methods, options: Partial<ServerOptions> = {}): Promise<Rig> {
  const server = await startTestServer((router) => router.service(ArtifactService, methods), options);
  const opening = openTransport(server.addresses.grpc);
  return {
    server,
    client: createClient(ArtifactService, opening.transport),
    [Symbol.asyncDispose]: async () => {
      opening[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
