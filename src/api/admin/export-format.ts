/**
 * Export files. They contain the messages of ExportIndex, each after its length, as the command line writes and reads
 * them.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, sizeDelimitedDecodeStream, sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { type IndexPart, IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { Failure } from '../../domain/errors.ts';
import { altered, type ExportPart } from '../../store/custody/export.ts';
import type { ExportFormat } from '../../store/custody/exports.ts';
import { fromPartMessage, PartReader, PartWriter } from './index-parts.ts';

/** @param softwareVersion for the headers. */
export function exportFormat(softwareVersion: string): ExportFormat {
  return {
    encoder: () => {
      const writer = new PartWriter(softwareVersion);
      return (part) => sizeDelimitedEncode(IndexPartSchema, writer.message(part));
    },
    header: (head) => {
      const part = partIn(messageAt(head));
      return part?.kind === 'header' ? part.header : undefined;
    },
    rows: (tail) => {
      // A footer is shorter than 128 bytes, so its length takes one byte, and no part of a footer is a footer itself.
      for (let length = 1; length < 128 && length < tail.length; length++) {
        if (tail.at(-length - 1) !== length) continue;
        const part = partIn(tail.subarray(-length));
        if (part?.kind === 'footer' && /^[0-9a-f]{64}$/.test(part.sha256)) return part.rows;
      }
      return undefined;
    },
    parts: partsOf,
  };
}

async function* partsOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ExportPart> {
  const reader = new PartReader();
  const messages = sizeDelimitedDecodeStream(IndexPartSchema, bytes)[Symbol.asyncIterator]();
  for (;;) {
    const next = await messages.next().catch((error: unknown) => {
      if (error instanceof Failure) throw error;
      return undefined;
    });
    if (next === undefined) throw altered('part');
    if (next.done === true) return;
    yield reader.part(next.value);
  }
}

/** Returns the bytes of the first message; undefined if they are not complete. */
function messageAt(head: Uint8Array): Uint8Array | undefined {
  try {
    const reader = new BinaryReader(head);
    return reader.bytes();
  } catch {
    return undefined;
  }
}

/** Returns the part in the bytes; undefined if they are not a part of an export. */
function partIn(bytes: Uint8Array | undefined) {
  const message = bytes && decoded(bytes);
  try {
    return message && fromPartMessage(message);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

function decoded(bytes: Uint8Array): IndexPart | undefined {
  try {
    return fromBinary(IndexPartSchema, bytes);
  } catch {
    return undefined;
  }
}
