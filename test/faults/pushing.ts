/** Pushes and tells the oracle what came of it. */
import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Receipt, UploadArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import { type Artifact, artifactFrom } from '../../src/client/artifacts/artifact.ts';
import type { ArtifactaError } from '../../src/client/errors.ts';
import { toArtifactaError } from '../../src/client/wire/to-error.ts';
import { sendDirect } from './bucket/direct.ts';
import { type Connection, callTimeoutMs } from './connection.ts';
import type { Mischief, Oracle, Push } from './oracle.ts';
import { bytesOf } from './seeded.ts';

/** These say nothing about what became of the call. */
const inconclusive = new Set([
  undefined,
  'STORE_UNAVAILABLE',
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'SHUTTING_DOWN',
]);

/** True unless the service has said that it did not, and will not, do what it was asked for. */
export function isUnknown(error: ArtifactaError): boolean {
  return inconclusive.has(error.reason);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Sends a push, for the first time or again, and notes the answer. Never rejects. */
export async function send(connection: Connection, oracle: Oracle, push: Push): Promise<void> {
  const before: Before = {
    state: push.state,
    made: push.made,
    floor: oracle.highestVersion(push.session, push.name),
    wasSealed: oracle.session(push.session).fate === 'sealed',
  };
  if (push.state !== 'acknowledged') push.state = 'sent';
  push.calls++;
  try {
    const { artifact, receipt } = await call(connection, push);
    noteAnswer(oracle, push, before, artifactFrom(artifact), receipt);
  } catch (thrown) {
    const error = toArtifactaError(thrown);
    connection.lost ||= error.reason === undefined;
    if (!isUnknown(error)) noteRefusal(oracle, push, before, error);
    else if (push.state !== 'acknowledged') push.state = 'unknown';
  } finally {
    push.calls--;
  }
}

/** What was known when a push was sent. */
interface Before {
  readonly state: Push['state'];
  readonly made: string | undefined;
  /** The highest version of its name that had been answered. */
  readonly floor: number;
  readonly wasSealed: boolean;
}

function noteAnswer(
  oracle: Oracle,
  push: Push,
  before: Before,
  artifact: Artifact,
  receipt: Receipt | undefined,
): void {
  const { deduplicated = false, replayed = false } = receipt ?? {};
  const how = replayed ? 'replayed' : deduplicated ? 'deduplicated' : 'made';
  const said = `push ${push.number} (${before.state}) answered: ${how} ${artifact.id} version ${artifact.version}`;
  oracle.see(artifact, said);
  push.state = 'acknowledged';
  const expect = (holds: boolean, otherwise: string) => holds || oracle.fault(`${said}, ${otherwise}`);
  expect(push.mischief === undefined, `sent with ${push.mischief}`);
  expect(artifact.sha256 === push.sha256 && artifact.sizeBytes === push.size, 'with other bytes');
  expect(artifact.session === push.session && artifact.name === push.name, 'at another place');
  expect(how !== 'made' || push.made === artifact.id, `and made ${push.made}`);
  expect(how !== 'deduplicated' || !push.newVersion, 'for a new version');
  if (before.made !== undefined)
    expect(how !== 'made' && artifact.id === before.made, `and had made ${before.made}`);
  if (before.state === 'acknowledged' && push.requestId !== undefined)
    expect(replayed, 'for a request id that had succeeded');
  if (replayed) return;
  const { version } = artifact;
  const { floor } = before;
  expect(deduplicated ? version >= floor : version > floor, `and there was a version ${floor}`);
  expect(!before.wasSealed, 'in a sealed session');
}

function noteRefusal(oracle: Oracle, push: Push, before: Before, error: ArtifactaError): void {
  const session = oracle.session(push.session);
  if (!isDue(oracle, push, before, error)) {
    const said = `push ${push.number} (${before.state}) refused: ${error.reason} ${error.message}`;
    oracle.fault(`${said}; its session is ${session.fate}`);
  }
  if (error.reason === 'SESSION_SEALED' && session.fate === 'doubtful') session.fate = 'fenced';
  // Of two calls at once one may be too late for a seal, or too early for a content, and the other not.
  if (push.state === 'sent' && push.calls === 1) push.state = push.made === undefined ? 'refused' : 'settled';
}

/** Whether what is known allows of this refusal. */
function isDue(oracle: Oracle, push: Push, before: Before, { reason }: ArtifactaError): boolean {
  const hadSucceeded = before.state === 'acknowledged' || before.made !== undefined;
  switch (reason) {
    case 'SESSION_SEALED':
      // What has succeeded under a request id is answered as before, also after the seal.
      if (push.requestId !== undefined && hadSucceeded) return false;
      return oracle.session(push.session).fate !== 'open';
    case 'ARTIFACT_DELETED':
      // Said of what the push made or found the first time, so not on the first time.
      if (push.made !== undefined && oracle.artifacts.get(push.made)?.fate === 'live') return false;
      return push.requestId !== undefined && before.state !== 'sent';
    case 'CONTENT_NOT_FOUND':
      return push.by === 'digest';
    case 'INPUT_NOT_FOUND':
      return push.inputs.some((id) => oracle.artifacts.get(id)?.fate !== 'live');
    case 'UPLOAD_INCOMPLETE':
      // Other bytes are deleted when they are refused.
      return ['no finish', 'cut short', 'never sent', 'other bytes'].includes(push.mischief ?? '');
    case 'DIGEST_MISMATCH':
      return push.mischief === 'wrong digest' || push.mischief === 'other bytes';
    default:
      return false;
  }
}

async function call(connection: Connection, push: Push) {
  const { session, name, requestId = '', newVersion, inputs, sha256, size } = push;
  const metadata = { push: `${push.number}` };
  const spec = { session, name, requestId, newVersion, inputs: [...inputs], metadata };
  const options = { timeoutMs: callTimeoutMs };
  if (push.by === 'digest') {
    const value = { sha256, sizeBytes: BigInt(size) };
    return connection.artifacts.createArtifact({ spec, content: { case: 'digest', value } }, options);
  }
  const bytes = bytesOf(push.seed, size);
  if (push.by === 'direct') return await sendDirect(connection, push, spec, bytes);
  if (push.by === 'create')
    return connection.artifacts.createArtifact({ spec, content: { case: 'data', value: bytes } }, options);
  return connection.artifacts.uploadArtifact(parts(spec, bytes, push.mischief), options);
}

type Part = MessageInitShape<typeof UploadArtifactRequestSchema>;

/** Large contents take many chunks, so that a kill can fall between them. */
async function* parts(spec: object, bytes: Uint8Array, mischief: Mischief | undefined): AsyncGenerator<Part> {
  yield { part: { case: 'start', value: { spec } } };
  const chunkBytes = Math.max(1, Math.min(256 * 1024, Math.ceil(bytes.length / 4)));
  for (let at = 0; at < bytes.length; at += chunkBytes)
    yield { part: { case: 'chunk', value: bytes.subarray(at, at + chunkBytes) } };
  if (mischief === 'no finish') return;
  const sha256 = mischief === 'wrong digest' ? '0'.repeat(64) : sha256Of(bytes);
  yield { part: { case: 'finish', value: { sizeBytes: BigInt(bytes.length), sha256 } } };
}
