/** Reads the file of an export: its messages, each after its length. */
import { crc32 } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { sizeDelimitedDecodeStream, sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { type IndexPart, IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { ArtifactaError } from '../errors.ts';

/** The limit for one message of an export; no message is larger. */
const partBytesMax = 4 * 1024 * 1024;

/** A service accepts no more rows in one message; exports of earlier versions have messages with more. */
const partRowsMax = 1_000;

/** An error from reading the bytes of a file, which is not a fault of the file. */
export class Unread extends Error {
  constructor(cause: unknown) {
    super('the export cannot be read', { cause });
  }
}

/**
 * Yields the parts of an export in the size that a service accepts. The last part is yielded when all bytes are known
 * to be those that were written.
 *
 * @throws ArtifactaError for bytes that are not an export, or were altered; Unread.
 */
export async function* partsOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<IndexPart, void, void> {
  let read = 0;
  let meant = 0;
  async function* source() {
    try {
      for await (const piece of bytes) {
        read = crc32(piece, read);
        yield piece;
      }
    } catch (error) {
      throw new Unread(error);
    }
  }
  const parts = sizeDelimitedDecodeStream(IndexPartSchema, source(), { readMaxBytes: partBytesMax });
  let waiting: IndexPart | undefined;
  try {
    for await (const part of parts) {
      // Each message has one form. A reader also accepts other forms, with bits that differ from those that were
      // written.
      meant = crc32(sizeDelimitedEncode(IndexPartSchema, part), meant);
      if (waiting !== undefined) yield* divided(waiting);
      waiting = part;
    }
  } catch (error) {
    throw error instanceof Unread ? error : notAnExport(error);
  }
  if (read !== meant) throw notAnExport();
  if (waiting !== undefined) yield* divided(waiting);
}

/** Yields the part in the sizes that a service accepts. */
function* divided(whole: IndexPart): Generator<IndexPart> {
  if (whole.part.case !== 'rows') return yield whole;
  const { rows } = whole.part.value;
  for (let at = 0; at === 0 || at < rows.length; at += partRowsMax)
    yield create(IndexPartSchema, {
      part: { case: 'rows', value: { rows: rows.slice(at, at + partRowsMax) } },
    });
}

function notAnExport(cause?: unknown): ArtifactaError {
  return new ArtifactaError(
    'the file is not an export of an index, or was cut short or altered: copy it again from its source, or ' +
      'import another',
    { code: 'INVALID_ARGUMENT', reason: 'UPLOAD_INCOMPLETE', cause },
  );
}
