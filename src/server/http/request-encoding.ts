/**
 * Inflates the calls over Connect and gRPC-Web whose messages are compressed. The result is the same calls without
 * compression.
 */
import { Buffer } from 'node:buffer';
import type { DescMethod } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { inflatedMessages, inflatedWhole } from '../messages/bodies.ts';
import {
  acceptedEncodings,
  bodyEncoding,
  connectStreamEncoding,
  type Encoding,
  type EncodingHeaders,
  encodingIn,
  encodingNamed,
  grpcEncoding,
} from '../messages/encodings.ts';
import { compressedFlag, Envelopes } from '../messages/envelopes.ts';
import type { Inflation } from '../messages/inflation.ts';
import type { Exchange } from './exchange.ts';

/** A protocol that wraps its messages. */
interface Wrapping {
  readonly type: RegExp;
  readonly encoding: EncodingHeaders;
  /** The flag of the end, which clients need not send. */
  readonly endFlag: number;
}

const wrappings: readonly Wrapping[] = [
  { type: /^application\/connect\+/i, encoding: connectStreamEncoding, endFlag: 0x02 },
  { type: /^application\/grpc-web/i, encoding: grpcEncoding, endFlag: 0x80 },
];

/** How the messages of a request are compressed, and where they are. */
interface RequestEncoding {
  readonly encoding: Encoding;
  /** Undefined: the body is one message, or the request has no body. */
  readonly wrapping: Wrapping | undefined;
}

/**
 * Reads the headers of a call. The messages of its body are then checked as they arrive.
 *
 * @returns a refusal if an encoding is not accepted; the answer then names the accepted ones too.
 */
export function readEncoding(exchange: Exchange, messageBytesMax: number): RequestEncoding | ConnectError {
  const { request, response } = exchange;
  const wrapping = wrappings.find(({ type }) => type.test(request.headers['content-type'] ?? ''));
  const headers = wrapping?.encoding ?? bodyEncoding;
  const encoding = encodingOf(exchange, headers);
  if (encoding instanceof ConnectError) {
    response.setHeader(headers.accepted, acceptedEncodings);
    return encoding;
  }
  if (wrapping !== undefined)
    exchange.envelopes = new Envelopes({
      messageBytesMax,
      encoding,
      flags: compressedFlag | wrapping.endFlag,
    });
  return { encoding, wrapping };
}

function encodingOf({ request, target }: Exchange, headers: EncodingHeaders): Encoding | ConnectError {
  if (request.method === 'GET')
    return encodingNamed(
      'compression',
      new URLSearchParams(target.query).get('compression'),
      headers.accepted,
    );
  const encoding = encodingIn(request.headers, headers);
  const isBodyCompressed =
    headers !== bodyEncoding && encodingIn(request.headers, bodyEncoding) !== 'identity';
  if (!isBodyCompressed) return encoding;
  // A body of several messages is not compressed as a whole.
  return encodingNamed(`content-encoding of ${request.headers['content-type']}`, 'any', headers.accepted);
}

/**
 * Returns the request as it would be without compression. @throws ConnectError if the message in its query cannot be
 * inflated.
 */
export async function inflated(
  request: UniversalServerRequest,
  { encoding, wrapping }: RequestEncoding,
  method: DescMethod,
  inflation: Inflation,
  { envelopes }: Exchange,
): Promise<UniversalServerRequest> {
  if (encoding === 'identity') {
    // An empty name means no encoding, and the library would look for it.
    const { named } = wrapping?.encoding ?? bodyEncoding;
    if (request.header.get(named) !== '') return request;
    const header = new Headers(request.header);
    header.delete(named);
    return { ...request, header };
  }
  if (request.method === 'GET') return { ...request, url: await inflatedUrl(request.url, inflation) };
  const header = new Headers(request.header);
  header.delete((wrapping?.encoding ?? bodyEncoding).named);
  header.delete('content-length');
  const body = request.body as AsyncIterable<Uint8Array>;
  const isStream = method.methodKind === 'client_streaming';
  return {
    ...request,
    header,
    body:
      envelopes === undefined
        ? inflatedWhole(body, inflation)
        : inflatedMessages(body, inflation, envelopes, isStream),
  };
}

async function inflatedUrl(text: string, inflation: Inflation): Promise<string> {
  const url = new URL(text);
  const { searchParams } = url;
  const encoding = searchParams.get('base64') === '1' ? 'base64url' : 'utf8';
  const message = await inflation.inflate(Buffer.from(searchParams.get('message') ?? '', encoding));
  searchParams.delete('compression');
  searchParams.set('base64', '1');
  searchParams.set('message', message.toString('base64url'));
  return url.href;
}
