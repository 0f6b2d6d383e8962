/**
 * Pushes whose bytes the client itself sends to the bucket: whole, cut short, others, twice or never. Their end is asked for
 * once, twice at once, only when the push is sent again, or never.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ArtifactSpecSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { ArtifactaError } from '../../../src/client/errors.ts';
import { type Connection, callTimeoutMs } from '../connection.ts';
import type { Push } from '../oracle.ts';

const options = { timeoutMs: callTimeoutMs };
/** A client waits so long for the bucket, in milliseconds. */
const bucketMsMax = 10_000;
/** What the bucket takes as a piece that is not the last. */
const pieceBytes = 256 * 1024;

/**
 * Pushes by way of the bucket. What was begun before is gone on with, mostly: also after a restart of the service.
 *
 * @returns the answer of the service. @throws Error CANCELLED if the client gives up before the end.
 */
export async function sendDirect(
  connection: Connection,
  push: Push,
  spec: MessageInitShape<typeof ArtifactSpecSchema>,
  bytes: Uint8Array,
) {
  const { number, mischief } = push;
  const isFirst = push.begun === undefined;
  if (push.begun === undefined || number % 7 === 0) {
    const stated = { ...spec, sizeBytes: BigInt(push.size), sha256: push.sha256 };
    const { result } = await connection.artifacts.beginDirectUpload({ spec: stated }, options);
    if (result.case === 'existing') return result.value;
    if (result.case !== 'upload') throw new Error('a begin was answered with nothing');
    push.begun = result.value;
  }
  const { uri, uploadToken } = push.begun;
  const sent = mischief === 'other bytes' ? bytes.map((byte) => byte ^ 1) : bytes;
  if (mischief === 'cut short') await sendPiece(uri, sent.subarray(0, pieceBytes), 0, sent.length);
  else if (mischief !== 'never sent') await sendAll(uri, sent, number % 3 === 0 ? 2 : 1);
  if (mischief === 'never finished' || (isFirst && number % 5 === 0))
    throw new ArtifactaError('the client has given up', { code: 'CANCELLED', reason: 'CANCELLED' });
  return number % 4 === 0
    ? await finishTwice(connection, uploadToken)
    : await finish(connection, uploadToken);
}

/** Sends all bytes, in two pieces if there are enough; perhaps twice at once, as by a client that was late. */
export async function sendAll(uri: string, bytes: Uint8Array, times = 1): Promise<void> {
  const send = async () => {
    if (bytes.length > 2 * pieceBytes) await sendPiece(uri, bytes.subarray(0, pieceBytes), 0, bytes.length);
    const from = bytes.length > 2 * pieceBytes ? pieceBytes : 0;
    await sendPiece(uri, bytes.subarray(from), from, bytes.length);
  };
  await Promise.all(Array.from({ length: times }, send));
}

/** The bucket may have refused the piece: it has an object under the name, or has lost the upload. */
async function sendPiece(uri: string, bytes: Uint8Array, from: number, total: number): Promise<void> {
  const range = `bytes ${from}-${from + bytes.length - 1}/${total}`;
  const signal = AbortSignal.timeout(bucketMsMax);
  try {
    const init = { method: 'PUT', headers: { 'content-range': range }, body: Buffer.from(bytes), signal };
    const answer = await fetch(uri, init);
    await answer.arrayBuffer();
  } catch (cause) {
    const detail = { code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE', cause } as const;
    throw new ArtifactaError('the bucket did not answer the client', detail);
  }
}

async function finish({ artifacts }: Connection, uploadToken: string) {
  for await (const { part } of artifacts.finishDirectUpload({ uploadToken }, options))
    if (part.case === 'committed') return part.value;
  throw new Error('the end of a direct upload was answered with nothing');
}

/** Both get the same artifact, and at most one has made it. */
async function finishTwice(connection: Connection, uploadToken: string) {
  const ends = await Promise.allSettled([1, 2].map(() => finish(connection, uploadToken)));
  const answers = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  if (new Set(answers.map(({ artifact }) => artifact?.id)).size > 1)
    throw new Error('two ends of a direct upload were answered with two artifacts');
  if (answers.filter(({ receipt }) => receipt?.replayed !== true).length > 1)
    throw new Error('two ends of a direct upload have both made its artifact');
  const best = answers.find(({ receipt }) => receipt?.replayed !== true) ?? answers[0];
  if (best !== undefined) return best;
  throw (ends[0] as PromiseRejectedResult).reason;
}
