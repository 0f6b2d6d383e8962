/** A client's side of one server. Nothing is repeated: what a call came to is for the oracle to know. */
import { createClient } from '@connectrpc/connect';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { ArtifactaClient } from '../../src/client/client.ts';
import { openEndpoint } from '../../src/client/wire/endpoint.ts';

/** No call of the rig takes that long unless something hangs. */
export const callTimeoutMs = 20_000;

export interface Connection extends AsyncDisposable {
  /** As the protocol has it, with the options that the client decides by itself. */
  readonly artifacts: ReturnType<typeof createClient<typeof ArtifactService>>;
  readonly client: ArtifactaClient;
  /** A call broke off without an answer: there is no point in further ones. */
  lost: boolean;
}

/** @param address `host:port`, or `unix:` and the path of a socket, which is for operators. */
export async function openConnection(address: string): Promise<Connection> {
  const endpoint = await openEndpoint(address.startsWith('unix:') ? address : `grpc://${address}`);
  const client = new ArtifactaClient(endpoint, { retry: { attemptsMax: 1 }, timeoutMs: callTimeoutMs });
  return {
    artifacts: createClient(ArtifactService, endpoint.transport),
    client,
    lost: false,
    [Symbol.asyncDispose]: () => client.close(),
  };
}
