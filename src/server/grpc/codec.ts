/** Messages from and to the bytes that grpc-js carries. */
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

/** The bytes of all messages since the process began, on all gRPC listeners: every message passes here. */
export const messageBytes = { received: 0, sent: 0 };

/**
 * Decodes a message.
 *
 * @throws ConnectError INVALID_ARGUMENT if the bytes are not a message of this type, have invalid UTF-8, or more fields
 * than a message may have.
 */
export async function decode<D extends DescMessage>(desc: D, bytes: Uint8Array): Promise<MessageShape<D>> {
  messageBytes.received += bytes.byteLength;
  await admitMessage(desc, 'binary', bytes);
  try {
    // Bytes that belong to no known field would otherwise be kept, as many as the caller wants.
    return fromBinary(desc, bytes, { readUnknownFields: false });
  } catch {
    throw await undecodable(desc, 'binary', bytes);
  }
}

/** The two members of Buffer with which grpc-js puts a message behind its frame header. */
export interface Encoded {
  readonly byteLength: number;
  copy(target: Buffer, offset: number): void;
}

/** Encodes messages of one type. */
export type Encode<D extends DescMessage> = (message: MessageInitShape<D>) => Encoded;

/**
 * Returns an encoder for one type. It has a short way for types whose fields are all alternatives of one oneof: if the
 * one that is set is a large `bytes`, its value is copied once, into the frame. The general encoder copies it three
 * times.
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
