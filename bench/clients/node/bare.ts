/** The bare program: reads, hashes and sends the same bytes by the stubs that connect-node makes, nothing else. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { MiB } from '../../harness/content.ts';
import { type Given, turn } from './turn.ts';

async function* parts({
  name,
  path,
}: Given): AsyncGenerator<MessageInitShape<typeof UploadArtifactRequestSchema>> {
  yield { part: { case: 'start', value: { spec: { session: 'bench', name } } } };
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: MiB }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
    yield { part: { case: 'chunk', value: chunk } };
  }
  yield { part: { case: 'finish', value: { sizeBytes: BigInt(size), sha256: hash.digest('hex') } } };
}

await turn(async (given) => {
  const baseUrl = process.env.ARTIFACTA_URL!.replace('grpc:', 'http:');
  const service = createClient(ArtifactService, createGrpcTransport({ baseUrl }));
  if (given.action === 'push') {
    await service.uploadArtifact(parts(given));
    return;
  }
  const hash = createHash('sha256');
  let expected = '';
  async function* chunks() {
    const ref = { by: { case: 'name', value: { session: 'bench', name: given.name } } } as const;
    for await (const { part } of service.downloadArtifact({ artifact: ref })) {
      if (part.case === 'artifact') expected = part.value.sha256;
      if (part.case !== 'chunk') continue;
      hash.update(part.value);
      yield part.value;
    }
  }
  await pipeline(chunks(), createWriteStream(given.path));
  if (hash.digest('hex') !== expected) throw new Error('other bytes have arrived');
});
process.exit();
