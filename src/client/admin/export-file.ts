/** Reads the file of an export: its messages, each preceded by its length. */
import { crc32 } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { sizeDelimitedDecodeStream, sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { type IndexPart, IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { ArtifactaError } from '../errors.ts';

/** One message of an export; nothing of it is larger. */
const partBytesMax = 4 * 1024 * 1024;

/** A service takes no more rows in one message; exports of earlier versions have some. */
const partRowsMax = 1_000;

/** What reading the bytes of a file threw, which is no fault of the file. */
export class Unread extends Error {
  constructor(cause: unknown) {
    super('the export cannot be read', { cause });
  }
}

/**
 * The parts of an export, such as a service takes. The last one comes when all bytes are known to be what was written.
 *
 * @throws ArtifactaError for what is no export, or was altered; Unread.
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
  let held: IndexPart | undefined;
  try {
    for await (const part of parts) {
      // Each message has one form. A reader takes others for it, with bits that are no longer what was written.
      meant = crc32(sizeDelimitedEncode(IndexPartSchema, part), meant);
      if (held !== undefined) yield* divided(held);
      held = part;
    }
  } catch (error) {
    throw error instanceof Unread ? error : notAnExport(error);
  }
  if (read !== meant) throw notAnExport();
  if (held !== undefined) yield* divided(held);
}

/** The part in parts that a service takes. */
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
    'this is no export of an index, or one that was cut short or altered: copy it again from where it was made, or import another',
    { code: 'INVALID_ARGUMENT', reason: 'UPLOAD_INCOMPLETE', cause },
  );
}
