import type { MessageInitShape } from '@bufbuild/protobuf';
import type { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { Sha256, Upload } from '../wire/platform.ts';
import { later } from '../wire/timer.ts';
import { chunked } from './content.ts';

/** Yields the messages of an upload: the start, the chunks, the finish with size and digest. */
export async function* uploadMessages(
  upload: Upload,
  newHash: () => Sha256,
): AsyncGenerator<MessageInitShape<typeof UploadArtifactRequestSchema>, void, void> {
  const { spec } = upload;
  yield { part: { case: 'start', value: { spec } } };
  // A digest that was asserted at the start needs no second one here: the service compares its own with it.
  const hash = spec.sha256 === '' ? newHash() : undefined;
  let sizeBytes = 0;
  for await (const chunk of withSignsOfLife(chunked(piecesOf(upload)))) {
    hash?.update(chunk);
    sizeBytes += chunk.byteLength;
    yield { part: { case: 'chunk', value: chunk } };
    if (chunk.byteLength > 0) upload.onSent(sizeBytes);
  }
  const sha256 = hash?.hex() ?? spec.sha256;
  yield { part: { case: 'finish', value: { sizeBytes: BigInt(sizeBytes), sha256 } } };
}

/** How long a source may be silent before the service gets a sign of life; the service ends uploads after 30 s. */
const silenceMsMax = 10_000;

/** Yields the same chunks, and an empty one whenever the source has been silent for a while. */
export async function* withSignsOfLife(
  chunks: AsyncGenerator<Uint8Array, void, void>,
  silenceMs = silenceMsMax,
): AsyncGenerator<Uint8Array, void, void> {
  const nothing = new Uint8Array(0);
  try {
    for (let next = chunks.next(); ; ) {
      let cancel: (() => void) | undefined;
      const silence = new Promise<'silence'>((resolve) => {
        cancel = later(silenceMs, () => resolve('silence'));
      });
      const result = await Promise.race([next, silence]).finally(() => cancel?.());
      if (result === 'silence') {
        yield nothing;
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = chunks.next();
    }
  } finally {
    // A source that makes no progress would delay a caller that gives up.
    void chunks.return().catch(() => undefined);
  }
}

/** Yields the pieces of the content, and records the error of its source. */
export async function* piecesOf({ content, source }: Upload): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of content.open()) yield piece;
  } catch (error) {
    source.failure = { error };
    throw error;
  }
}
