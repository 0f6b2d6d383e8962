/**
 * The upload stream: one start, chunks, one finish, in that order. However the stream ends, nothing is stored without a
 * finish, since many ways to lose a connection look like a normal end to the service.
 */

import type {
  UploadArtifactRequest,
  UploadFinish,
  UploadStart,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { freeReceived } from '../../domain/blocks.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { payerOf } from '../../domain/principal.ts';
import { turn } from '../../domain/timer.ts';
import type { CommitResult } from '../../store/artifacts/commit.ts';
import { Upload, type UploadEnd } from '../../store/artifacts/upload.ts';
import type { Uploads } from '../../store/artifacts/uploads.ts';
import type { Admission, AdmittedUpload } from '../admission.ts';
import { messagesTooSmall, messageTooLarge, within } from '../errors.ts';
import type { Call } from '../handlers.ts';
import { parseDigest, parseSize, parseSpec } from '../parse.ts';
import { inTime, MessageCount } from '../receiving/client-stream.ts';

/** Each message takes some tens of microseconds. After this number of messages, other calls get a turn. */
const messagesPerTurn = 32;

/** Receives an upload and commits it. @throws Failure UPLOAD_INCOMPLETE and what the store throws. */
export async function receiveUpload(
  uploads: Uploads,
  admission: Admission,
  requests: AsyncIterable<UploadArtifactRequest>,
  call: Call,
): Promise<CommitResult> {
  const cut = new AbortController();
  const signal = AbortSignal.any([call.signal, cut.signal]);
  const { namespace } = call.principal;
  const by = { namespace, payer: payerOf(call.principal), receivedBytes: call.receivedBytes };
  using place = admission.begin(by, (failure) => cut.abort(failure));
  const messages = inTime(requests[Symbol.asyncIterator](), {
    signal,
    after: call.after,
    idleMs,
    isExcused: call.isExcused,
  });
  try {
    const begun = await begin(
      uploads,
      await nextPart(messages, 'must begin with start; nothing was sent'),
      call,
    );
    if (!(begun instanceof Upload)) return begun;
    await using upload = begun;
    return await within('start.spec', async () =>
      upload.finish(await receiveChunks(upload, place, messages, call)),
    );
  } finally {
    // An iteration that still waits for a message may never answer this.
    void messages.return?.().catch(() => undefined);
  }
}

type Part = Exclude<UploadArtifactRequest['part'], { case: undefined }>;
type Messages = AsyncIterator<UploadArtifactRequest>;

/**
 * Returns how long to wait for the next message. A message is seen only when it is complete. So the wait is long enough
 * for another message as large as the last at the lowest rate.
 */
function idleMs(last: UploadArtifactRequest | undefined): number {
  const bytes = last?.part.case === 'chunk' ? last.part.value.length : 0;
  return (limits.idleSecondsMax + bytes / limits.uploadRateBytesMin) * 1000;
}

async function nextPart(messages: Messages, atEnd: string): Promise<Part> {
  const next = await messages.next();
  if (next.done) throw incomplete(atEnd);
  const { part } = next.value;
  if (part.case === undefined) throw invalid('part', 'is required: start, chunk or finish');
  return part;
}

async function begin(uploads: Uploads, part: Part, call: Call): Promise<Upload | CommitResult> {
  if (part.case !== 'start') throw incomplete(`must begin with start, not ${part.case}`);
  const spec = parseSpec('start.spec', (part.value as UploadStart).spec);
  return await within('start.spec', () => uploads.begin(call.principal, spec, call.signal));
}

/** Takes the chunks and the finish. Resolves when the stream has ended correctly. */
async function receiveChunks(
  upload: Upload,
  place: AdmittedUpload,
  messages: Messages,
  call: Call,
): Promise<UploadEnd> {
  const count = new MessageCount();
  let small = 0;
  for (;;) {
    const part = await nextPart(messages, 'must end with finish; the stream ended without it');
    if (part.case === 'start') throw incomplete('must have start only once');
    if (part.case === 'finish') {
      const end = parseFinish(part.value);
      await expectEnd(messages);
      if (call.signal.aborted) throw new Failure('CANCELLED', 'the call was cancelled');
      return end;
    }
    if (part.value.length > limits.messageBytesMax) throw messageTooLarge();
    const { value } = part;
    if (count.isExceededBy(1, value.length)) throw messagesTooSmall();
    if (value.length < limits.streamMessageBytesMin && ++small % messagesPerTurn === 0) await turn();
    await place.writing(value.length, () => upload.write(value));
    // Streams that wait for room would otherwise keep a chunk each.
    freeReceived(value);
  }
}

function parseFinish(finish: UploadFinish): UploadEnd {
  return {
    sizeBytes: parseSize('finish.size_bytes', finish.sizeBytes),
    sha256: finish.sha256 === '' ? undefined : parseDigest('finish.sha256', finish.sha256),
  };
}

async function expectEnd(messages: Messages): Promise<void> {
  const next = await messages.next();
  if (!next.done)
    throw incomplete(`must end with finish; ${next.value.part.case ?? 'an empty message'} was sent after it`);
}

function incomplete(why: string): Failure {
  return new Failure('UPLOAD_INCOMPLETE', `part: ${why}; nothing was stored`, {
    violations: [{ field: 'part', description: why }],
  });
}
