/** A real store behind a service that lies: what it answers is changed on its way to the client. */
import type { Transport } from '@connectrpc/connect';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import type { ListArtifactsResponse } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type { DownloadArtifactResponse } from '../../../gen/artifacta/v1/content_pb.ts';

interface Lies {
  /** Changes an artifact of a listing. Default: not at all. */
  list?(artifact: Artifact): void;
  /** Pieces of downloads; several may be given for one. Default: as they are. */
  chunks?(name: string, chunk: Uint8Array): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export function lying(transport: Transport, lies: Lies): Transport {
  return {
    async unary(...call) {
      const answer = await transport.unary(...call);
      if (call[0].name === 'ListArtifacts')
        for (const artifact of (answer.message as unknown as ListArtifactsResponse).artifacts)
          lies.list?.(artifact);
      return answer;
    },
    async stream(...call) {
      const answer = await transport.stream(...call);
      if (call[0].name !== 'DownloadArtifact') return answer;
      const messages = answer.message as unknown as AsyncIterable<DownloadArtifactResponse>;
      return { ...answer, message: changed(messages, lies) as unknown as typeof answer.message };
    },
  };
}

async function* changed(messages: AsyncIterable<DownloadArtifactResponse>, lies: Lies) {
  let name = '';
  for await (const message of messages) {
    const { part } = message;
    if (part.case === 'artifact') name = part.value.name;
    if (part.case !== 'chunk' || lies.chunks === undefined) yield message;
    else
      for await (const value of lies.chunks(name, part.value))
        yield { ...message, part: { case: 'chunk' as const, value } };
  }
}
