/**
 * Parts of chunks that have not arrived as a whole. A client with a hundred uploads on one connection sends a little of
 * each in turn. So a hundred messages grow at the same time, and memory may be full before the first is complete. The
 * chunks of an upload are one sequence of bytes. So what has arrived of a chunk can be passed on as a chunk of its own,
 * and the rest becomes another one.
 */
import { Buffer } from 'node:buffer';
import type { DescMethod } from '@bufbuild/protobuf';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { headBytes } from './envelopes.ts';

const { uploadArtifact } = ArtifactService.method;

/** Smaller parts would cost more than the memory that they free. */
const partBytesMin = 64 * 1024;
/** The tag of the field `chunk`: its number, and the wire type of fields with a length (Protocol Buffers, encoding). */
const chunkTag = (2 << 3) | 2;
/** A tag of one byte, and a length of at most five. */
const fieldHeadBytesMax = 6;

/** The path of the method whose messages may be split. */
export const uploadPath = `/${uploadArtifact.parent.typeName}/${uploadArtifact.name}`;

/** Returns true if the messages of the method may be split. */
export function hasChunks(method: DescMethod): boolean {
  return method === uploadArtifact;
}

/** What has arrived of a message that is not complete. */
interface Begun {
  /** Its bytes, without the head that stands before the message. */
  readonly arrived: readonly Uint8Array[];
  readonly arrivedBytes: number;
  /** The number of bytes that have not arrived. */
  readonly leftBytes: number;
}

/** The arrived part of a chunk. */
export interface Part {
  /** A whole message with its head: the arrived bytes of the chunk, copied. */
  readonly message: Buffer;
  /** The number of bytes of the chunk in it. */
  readonly chunkBytes: number;
  /** The head of the message that consists of the rest of the chunk, and the beginning of this message. */
  readonly rest: Buffer;
}

/**
 * Returns the arrived part of a chunk.
 *
 * @returns undefined if the message is anything but one chunk, or only little of it has arrived.
 */
export function partOf({ arrived, arrivedBytes, leftBytes }: Begun): Part | undefined {
  if (arrivedBytes < partBytesMin + fieldHeadBytesMax) return undefined;
  const field = fieldHead(arrived);
  if (field === undefined || field.bytes + field.length !== arrivedBytes + leftBytes) return undefined;
  const chunkBytes = arrivedBytes - field.bytes;
  const head = headOf(chunkBytes);
  const message = Buffer.allocUnsafeSlow(head.length + chunkBytes);
  message.set(head);
  let at = head.length;
  let skipped = field.bytes;
  for (const piece of arrived) {
    const part = piece.subarray(skipped);
    skipped -= piece.length - part.length;
    message.set(part, at);
    at += part.length;
  }
  return { message, chunkBytes, rest: headOf(leftBytes) };
}

/** Reads the head of a chunk; undefined if the message begins with another field. */
function fieldHead(
  arrived: readonly Uint8Array[],
): { readonly bytes: number; readonly length: number } | undefined {
  const first = Buffer.concat(firstBytes(arrived));
  if (first[0] !== chunkTag) return undefined;
  let length = 0;
  for (let at = 1; at < first.length; at++) {
    length += (first[at]! & 0x7f) * 2 ** (7 * (at - 1));
    if (first[at]! < 0x80) return { bytes: at + 1, length };
  }
  return undefined;
}

function firstBytes(arrived: readonly Uint8Array[]): Uint8Array[] {
  const first: Uint8Array[] = [];
  let missing = fieldHeadBytesMax;
  for (const piece of arrived) {
    if (missing === 0) break;
    const part = piece.subarray(0, missing);
    first.push(part);
    missing -= part.length;
  }
  return first;
}

/** Returns the head of a message that is one chunk, and all of this message but the chunk itself. */
function headOf(chunkBytes: number): Buffer {
  const field = [chunkTag];
  let rest = chunkBytes;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) field.push((rest % 0x80) | 0x80);
  field.push(rest);
  const head = Buffer.alloc(headBytes + field.length);
  head.writeUInt32BE(field.length + chunkBytes, 1);
  head.set(field, headBytes);
  return head;
}
