// A program of somebody who has installed the package: it is compiled and run where the package is.
import { create } from '@bufbuild/protobuf';
import { type Artifact, ArtifactaError, connect, type PushSpec } from 'artifacta';
import { ErrorInfoSchema } from 'artifacta/google/rpc/error_details_pb';
import { ArtifactSchema, type Artifact as Message } from 'artifacta/v1/artifact_pb';
import { ArtifactService } from 'artifacta/v1/artifact_service_pb';

const spec: PushSpec = { session: 'typescript', name: 'greeting.txt' };
const artifacta = await connect(process.argv[2] ?? '');
const { artifact } = await artifacta.push('hello', spec);
const known: Artifact = await artifacta.get(artifact.id);
const message: Message = create(ArtifactSchema, { id: known.id });
const names = [ArtifactService.typeName, ErrorInfoSchema.typeName, message.$typeName];
if (message.id !== artifact.id || names.some((name) => !/^(artifacta\.v1|google\.rpc)\./.test(name)))
  throw new Error(`messages: ${names.join(' ')}`);
try {
  await artifacta.get({ session: 'none', name: 'none' });
} catch (error) {
  if (!(error instanceof ArtifactaError) || error.reason !== 'SESSION_NOT_FOUND') throw error;
}
await artifacta.close();
console.log(known.sha256);
