/** The messages of Connect's and gRPC-Web's requests. None is passed on before its contents are known. */
import { Buffer } from 'node:buffer';
import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { admitMessage, type Form, refusalOf } from '../../api/bounds/message.ts';
import type { ReceivedRequest } from '../../api/receiving/received-request.ts';
import { badHeader, cutMessage } from '../refusals.ts';
import { compressedFlag, type Envelopes, headBytes } from './envelopes.ts';
import type { LatestMessage } from './latest-message.ts';
import { hasChunks } from './parts.ts';
import { Pieces } from './pieces.ts';

type Body = AsyncIterable<Uint8Array>;
type Admit = (message: Uint8Array) => Promise<void>;

/** The treatment of each message: it is admitted, and noted until it is decoded. */
interface Bound {
  readonly admit: Admit;
  readonly latest: LatestMessage;
  /** The counts of an upload, which passes on what has arrived of a chunk while memory is short. */
  readonly upload: Counts | undefined;
}

/** The messages of a body. The reader of the body refuses larger ones. */
interface Messages {
  readonly method: DescMethod;
  readonly bytesMax: number;
  /** Gets each message before it is passed on. */
  readonly latest: LatestMessage;
  readonly counts: Counts;
}

/** The counts of the bytes of a body. */
interface Counts {
  readonly received: ReceivedRequest | undefined;
  /** Undefined: the body is one message. */
  readonly envelopes: Envelopes | undefined;
}

/**
 * Returns the request, with a body whose messages are each admitted. Compression must be undone before.
 *
 * @throws ConnectError INVALID_ARGUMENT, while the body is read.
 */
export function boundedRequest<R extends UniversalServerRequest>(
  request: R,
  { method, bytesMax, latest, counts }: Messages,
): R {
  const form = formOf(request.header.get('content-type') ?? '');
  const admit: Admit = async (message) => {
    await admitMessage(method.input, form, message);
    latest.note(form, message);
  };
  const upload = form === 'binary' && hasChunks(method) ? counts : undefined;
  const bounded = counts.envelopes === undefined ? whole : wrapped;
  return {
    ...request,
    body: bounded(request.body as Body, { admit, latest, upload }, bytesMax),
  };
}

/** Returns why the message in the query of a GET must not be decoded; undefined if it may be. */
export function refusedQuery(
  parameters: URLSearchParams,
  desc: DescMessage,
  latest: LatestMessage,
): ConnectError | undefined {
  const text = parameters.get('message');
  if (text === null)
    return badHeader('message', 'must be in the query of a GET, empty if the message has no fields');
  const isBase64 = parameters.get('base64') === '1';
  if (isBase64 && !base64.test(text)) return badHeader('message', 'must be base64 if base64=1 is given');
  const form = formOf(parameters.get('encoding') ?? '');
  const message = Buffer.from(text, isBase64 ? 'base64' : 'utf8');
  latest.note(form, message);
  return refusalOf(desc, form, message);
}

/** Base64 in the form for URLs or in the other, with padding or without. */
const base64 = /^(?:[\w+/-]{4})*(?:[\w+/-]{2,3}={0,2})?$/;

function formOf(type: string): Form {
  return /json/i.test(type) ? 'json' : 'binary';
}

/** Yields a body that is one message. */
async function* whole(body: Body, { admit }: Bound, bytesMax: number): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  for await (const piece of body) {
    pieces.push(piece);
    if (pieces.bytes > bytesMax) yield pieces.takeAll();
  }
  const message = pieces.takeAll();
  await admit(message);
  yield message;
}

async function* wrapped(
  body: Body,
  { admit, latest, upload }: Bound,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  for await (const piece of body) {
    pieces.push(piece);
    for (let message = pieces.takeMessage(); message !== undefined; message = pieces.takeMessage()) {
      if ((message[0]! & compressedFlag) === 0) await admit(message.subarray(headBytes));
      yield message;
      // The reader asks for more when it has decoded the message.
      latest.forget();
    }
    if (pieces.announcedBytes > bytesMax) yield pieces.takeAll();
    const part = upload?.received?.isPressed === true ? pieces.takePart() : undefined;
    if (part === undefined) continue;
    upload?.envelopes?.passOn(part.chunkBytes);
    latest.note('binary', part.message.subarray(headBytes));
    yield part.message;
    latest.forget();
  }
  if (pieces.bytes > 0) throw cutMessage();
}
