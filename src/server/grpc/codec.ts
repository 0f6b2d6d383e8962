/** Messages to and from the bytes that grpc-js carries. */
import { Buffer } from 'node:buffer';
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { admitMessage, undecodable } from '../../api/bounds/message.ts';
import { isShared } from '../../api/shared-messages.ts';
import { freeBlock } from '../../domain/blocks.ts';

/** Bytes of all messages since the process began, on all gRPC doors: here every one of them passes. */
export const messageBytes = { received: 0, sent: 0 };

/**
 * @throws ConnectError INVALID_ARGUMENT if the bytes are not a message of this type, hold invalid UTF-8, or more fields
 * than a message may have.
 */
export async function decode<D extends DescMessage>(desc: D, bytes: Uint8Array): Promise<MessageShape<D>> {
  messageBytes.received += bytes.byteLength;
  await admitMessage(desc, 'binary', bytes);
  try {
    // What no field is made of would be kept, at the caller's will.
    return fromBinary(desc, bytes, { readUnknownFields: false });
  } catch {
    throw await undecodable(desc, 'binary', bytes);
  }
}

/** The two members of Buffer by which grpc-js puts a message behind its frame header. */
export interface Encoded {
  readonly byteLength: number;
  copy(target: Buffer, offset: number): void;
}

/** Makes the bytes of messages of one type. */
export type Encode<D extends DescMessage> = (message: MessageInitShape<D>) => Encoded;

/**
 * An encoder for one type. If all of its fields are alternatives of one oneof, and the one that is set is a large
 * `bytes`, that is copied once, into the frame; the general encoder copies it three times.
 */
export function encoderOf<D extends DescMessage>(desc: D): Encode<D> {
  const encode = plainEncoderOf(desc);
  return (message) => {
    const encoded = isShared(message) ? encodedOnce(message, encode) : encode(message);
    messageBytes.sent += encoded.byteLength;
    return encoded;
  };
}

const encodings = new WeakMap<object, Encoded>();

function encodedOnce<D extends DescMessage>(message: MessageInitShape<D>, encode: Encode<D>): Encoded {
  const encoded = encodings.get(message) ?? encode(message);
  encodings.set(message, encoded);
  return encoded;
}

function plainEncoderOf<D extends DescMessage>(desc: D): Encode<D> {
  const general: Encode<D> = (message) => {
    const bytes = toBinary(desc, create(desc, message));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const [oneof] = desc.oneofs;
  if (oneof === undefined || oneof.fields.length !== desc.fields.length) return general;
  const fields = new Map(oneof.fields.filter(isBytes).map((field) => [field.localName, field]));
  return (message) => {
    const { case: name, value } = (message as Record<string, Selected | undefined>)[oneof.localName] ?? {};
    const field = name === undefined ? undefined : fields.get(name);
    if (field === undefined || !(value instanceof Uint8Array) || hasUnknownFields(message))
      return general(message);
    return prefixed(field, value);
  };
}

interface Selected {
  readonly case?: string;
  readonly value?: unknown;
}

function isBytes(field: DescField): boolean {
  return field.fieldKind === 'scalar' && field.scalar === 12; // ScalarType.BYTES
}

function hasUnknownFields(message: object): boolean {
  return '$unknown' in message && message.$unknown !== undefined;
}

function prefixed(field: DescField, value: Uint8Array): Encoded {
  const prefix = new BinaryWriter()
    .tag(field.number, WireType.LengthDelimited)
    .uint32(value.byteLength)
    .finish();
  const byteLength = prefix.byteLength + value.byteLength;
  return {
    byteLength,
    copy: (target, offset) => {
      target.set(prefix, offset);
      target.set(value, offset + prefix.byteLength);
      freeBlock(value);
    },
  };
}
