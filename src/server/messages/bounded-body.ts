/** The messages of Connect's and gRPC-Web's requests, none of which is handed on before it is known what is in it. */
import { Buffer } from 'node:buffer';
import type { DescMessage } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { admitMessage, type Form, refusalOf } from '../../api/bounds/message.ts';

type Body = AsyncIterable<Uint8Array>;
type Admit = (message: Uint8Array) => Promise<void>;

/** What the messages of a body are. Larger ones are refused by whoever reads the body. */
interface Messages {
  readonly desc: DescMessage;
  /** Whether each is preceded by its flags and its length. */
  readonly areWrapped: boolean;
  readonly bytesMax: number;
}

/** The flags of a message, and its length. */
const headBytes = 5;
const compressedFlag = 1;

/**
 * The request, with a body of which each message was admitted. One that is compressed is refused by whoever reads it.
 *
 * @throws ConnectError INVALID_ARGUMENT, while the body is read.
 */
export function boundedRequest<R extends UniversalServerRequest>(
  request: R,
  { desc, areWrapped, bytesMax }: Messages,
): R {
  const form = formOf(request.header.get('content-type') ?? '');
  const admit: Admit = (message) => admitMessage(desc, form, message);
  const bounded = areWrapped ? wrapped : whole;
  return { ...request, body: bounded(request.body as Body, admit, bytesMax) };
}

/** Why the message in the query of a GET must not be decoded; undefined if it may be. */
export function refusedQuery(parameters: URLSearchParams, desc: DescMessage): ConnectError | undefined {
  const encoding = parameters.get('base64') === '1' ? 'base64' : 'utf8';
  const message = Buffer.from(parameters.get('message') ?? '', encoding);
  return refusalOf(desc, formOf(parameters.get('encoding') ?? ''), message);
}

function formOf(type: string): Form {
  return /json/i.test(type) ? 'json' : 'binary';
}

/** A body that is one message. */
async function* whole(body: Body, admit: Admit, bytesMax: number): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  for await (const piece of body) {
    pieces.push(piece);
    if (pieces.bytes > bytesMax) yield pieces.takeAll();
  }
  const message = pieces.takeAll();
  await admit(message);
  yield message;
}

async function* wrapped(body: Body, admit: Admit, bytesMax: number): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  let wanted = headBytes;
  for await (const piece of body) {
    pieces.push(piece);
    while (pieces.bytes >= wanted) {
      const head = pieces.peek(headBytes);
      const length = head.readUInt32BE(1);
      wanted = headBytes + length;
      if (length > bytesMax) yield pieces.takeAll();
      if (pieces.bytes < wanted) break;
      const message = pieces.take(wanted);
      if ((message[0]! & compressedFlag) === 0) await admit(message.subarray(headBytes));
      yield message;
      wanted = headBytes;
    }
  }
  // Whatever is left is no message; it is for the protocol to say so.
  if (pieces.bytes > 0) yield pieces.takeAll();
}

/** What has come and is not taken yet. */
class Pieces {
  bytes = 0;
  private pieces: Uint8Array[] = [];

  push(piece: Uint8Array): void {
    this.bytes += piece.length;
    this.pieces.push(piece);
  }

  /** The first of them, which stay. */
  peek(bytes: number): Buffer {
    if (this.pieces[0]!.length < bytes) this.push(this.takeAll());
    return bufferOf(this.pieces[0]!.subarray(0, bytes));
  }

  take(bytes: number): Buffer {
    const all = this.takeAll();
    if (all.length > bytes) this.push(all.subarray(bytes));
    return all.subarray(0, bytes);
  }

  takeAll(): Buffer {
    const { pieces, bytes } = this;
    this.pieces = [];
    this.bytes = 0;
    return pieces.length === 1 ? bufferOf(pieces[0]!) : Buffer.concat(pieces, bytes);
  }
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
