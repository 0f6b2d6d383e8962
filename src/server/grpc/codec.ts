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
import { firstFieldOf } from '../../api/encoding/first-field.ts';
import { isShared } from '../../api/shared-messages.ts';
import { isBlock } from '../../domain/blocks.ts';

/** The bytes of all messages since the process began, on all gRPC listeners: every message passes here. */
export const messageBytes = { received: 0, sent: 0 };

/**
 * Decodes a message, at once or in a turn of its own.
 *
 * @throws ConnectError INVALID_ARGUMENT if the bytes are not a message of this type, have invalid UTF-8, or more fields
 * than a message may have.
 */
export function decode<D extends DescMessage>(
  desc: D,
  bytes: Uint8Array,
): MessageShape<D> | Promise<MessageShape<D>> {
  messageBytes.received += bytes.byteLength;
  const turn = admitMessage(desc, 'binary', bytes);
  return turn === undefined ? decodeNow(desc, bytes) : turn.then(() => decodeNow(desc, bytes));
}

function decodeNow<D extends DescMessage>(
  desc: D,
  bytes: Uint8Array,
): MessageShape<D> | Promise<MessageShape<D>> {
  try {
    // Bytes that belong to no known field would otherwise be kept, as many as the caller wants.
    return fromBinary(desc, bytes, { readUnknownFields: false });
  } catch {
    return undecodable(desc, 'binary', bytes).then((error) => {
      throw error;
    });
  }
}

/** An encoded message: the two members of Buffer with which grpc-js puts it behind its frame header, and its size. */
export interface Encoded {
  /** The number of bytes that `copy` puts behind the header. */
  readonly byteLength: number;
  copy(target: Buffer, offset: number): void;
  /** The size of the message, if it has a block that `copy` leaves out. */
  readonly messageBytes?: number;
}

/** Blocks that frames announce and do not contain, by the memory of the frame. */
const announced = new WeakMap<Uint8Array, Uint8Array>();

/** Returns the block whose bytes must be sent right after `frame`; undefined if the frame is whole. */
export function blockAfter(frame: Uint8Array): Uint8Array | undefined {
  return announced.get(frame);
}

/** Returns the size of a message in bytes. */
export function sizeOf(message: Encoded): number {
  return message.messageBytes ?? message.byteLength;
}

/** Encodes messages of one type. */
export type Encode<D extends DescMessage> = (message: MessageInitShape<D>) => Encoded;

/**
 * Returns an encoder for one type. It has a short way for types whose fields are all alternatives of one oneof: if the
 * one that is set is a large `bytes`, its value is copied once, into the frame. The general encoder copies it three
 * times. A block that nothing else uses is not copied: it is sent after its frame, see {@link blockAfter}.
 */
export function encoderOf<D extends DescMessage>(desc: D): Encode<D> {
  const encode = plainEncoderOf(desc);
  return (message) => {
    const encoded = isShared(message) ? encodedOnce(message, encode) : encode(message);
    messageBytes.sent += sizeOf(encoded);
    return encoded;
  };
}

const encodings = new WeakMap<object, Encoded>();

/** The size of the length in a frame header, which ends the header. */
const lengthBytes = 4;

function encodedOnce<D extends DescMessage>(message: MessageInitShape<D>, encode: Encode<D>): Encoded {
  const encoded = encodings.get(message) ?? encode(message);
  encodings.set(message, encoded);
  return encoded;
}

function plainEncoderOf<D extends DescMessage>(desc: D): Encode<D> {
  const general: Encode<D> = (message) => {
    const parts = firstFieldOf(message);
    if (parts === undefined) return bytesOf(desc, message);
    if (parts.rest === undefined) return parts.first();
    return inTwo(parts.first(), bytesOf(desc, parts.rest as MessageInitShape<D>));
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

function bytesOf<D extends DescMessage>(desc: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(desc, create(desc, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function inTwo(first: Buffer, rest: Buffer): Encoded {
  return {
    byteLength: first.length + rest.length,
    copy: (target, offset) => {
      first.copy(target, offset);
      rest.copy(target, offset + first.length);
    },
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
  const messageBytes = prefix.byteLength + value.byteLength;
  if (!isBlock(value))
    return {
      byteLength: messageBytes,
      copy: (target, offset) => {
        target.set(prefix, offset);
        target.set(value, offset + prefix.byteLength);
      },
    };
  return {
    byteLength: prefix.byteLength,
    messageBytes,
    copy: (target, offset) => {
      target.set(prefix, offset);
      // grpc-js has written `byteLength`.
      target.writeUInt32BE(messageBytes, offset - lengthBytes);
      announced.set(target, value);
    },
  };
}
