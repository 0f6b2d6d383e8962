/** The messages of Connect's and gRPC-Web's requests, none of which is handed on before it is known what is in it. */
import { Buffer } from 'node:buffer';
import type { DescMessage } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { admitMessage, type Form, refusalOf } from '../../api/bounds/message.ts';
import { compressedFlag, headBytes } from './envelopes.ts';
import { Pieces } from './pieces.ts';

type Body = AsyncIterable<Uint8Array>;
type Admit = (message: Uint8Array) => Promise<void>;

/** What the messages of a body are. Larger ones are refused by whoever reads the body. */
interface Messages {
  readonly desc: DescMessage;
  /** Whether each is preceded by its flags and its length. */
  readonly areWrapped: boolean;
  readonly bytesMax: number;
}

/**
 * The request, with a body of which each message was admitted. Compression must be undone before.
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
  for await (const piece of body) {
    pieces.push(piece);
    for (let message = pieces.takeMessage(); message !== undefined; message = pieces.takeMessage()) {
      if ((message[0]! & compressedFlag) === 0) await admit(message.subarray(headBytes));
      yield message;
    }
    if (pieces.announcedBytes > bytesMax) yield pieces.takeAll();
  }
  // Whatever is left is no message; it is for the protocol to say so.
  if (pieces.bytes > 0) yield pieces.takeAll();
}
