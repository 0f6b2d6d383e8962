/** Checks of the headers of a call, before grpc-js sees it. */
import type { IncomingHttpHeaders } from 'node:http2';
import { ConnectError } from '@connectrpc/connect';
import { readDeadlines } from '../heads/deadlines.ts';
import { occursTwice, repeatedHeader } from '../heads/single-headers.ts';
import { encodingIn, grpcEncoding } from '../messages/encodings.ts';
import { badHeader, refusal } from '../refusals.ts';
import type { RefusedHead } from './internals.ts';
import { statusOf } from './status.ts';

/** gRPC with protobuf, with any parameters. */
const grpcTypes = /^application\/grpc(\+proto)?\s*(;|$)/i;

const acceptPost = { 'accept-post': 'application/grpc' };

/** Returns the refusal of a call for its headers. Undefined: it may go on. */
export function refusedHead(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): RefusedHead | undefined {
  if (headers[':method'] !== 'POST')
    return refusedAs(405, refusal('NOT_IMPLEMENTED', 'gRPC calls must be made with POST'), {
      allow: 'POST',
      ...acceptPost,
    });
  if (!grpcTypes.test(headers['content-type'] ?? ''))
    return refusedAs(415, refusal('NOT_IMPLEMENTED', otherType), acceptPost);
  const repeated = repeatedHeader(rawHeaders);
  const refused = repeated === undefined ? readDeadlines(headers) : badHeader(repeated, occursTwice);
  if (refused !== undefined) return { status: statusOf(refused) };
  const encoding = encodingIn(headers, grpcEncoding);
  if (encoding instanceof ConnectError) return { status: statusOf(encoding) };
  keepWhoCalls(headers);
  // The value as grpc-js knows it.
  headers['content-type'] = 'application/grpc';
  headers[grpcEncoding.named] = encoding;
  return undefined;
}

/**
 * Puts question marks in place of characters outside printable ASCII. grpc-js would drop a header with such characters,
 * and the call would have no caller. Now the call is refused as over HTTP: no token and no name has a question mark.
 */
function keepWhoCalls(headers: IncomingHttpHeaders): void {
  for (const name of ['authorization', 'artifacta-namespace']) {
    const value = headers[name];
    if (typeof value === 'string') headers[name] = value.replace(/[^ -~]/g, '?');
  }
}

const otherType =
  'content-type: must be application/grpc or application/grpc+proto here; other protocols are served by the HTTP port';

function refusedAs(
  status: number,
  error: ConnectError,
  headers: Readonly<Record<string, string>>,
): RefusedHead {
  return { status: statusOf(error), headers: { ':status': status, ...headers } };
}
