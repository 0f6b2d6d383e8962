/** Checks of the headers of a call, before grpc-js sees it. */
import type { IncomingHttpHeaders } from 'node:http2';
import { readDeadlines } from '../deadlines.ts';
import { badHeader } from '../refusals.ts';
import { occursTwice, repeatedHeader } from '../single-headers.ts';
import { type GrpcStatus, statusOf } from './status.ts';

/** The status that a call is refused with for its headers. Undefined: it may go on. */
export function refusedHead(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): GrpcStatus | undefined {
  const repeated = repeatedHeader(rawHeaders);
  const refused = repeated === undefined ? readDeadlines(headers) : badHeader(repeated, occursTwice);
  return refused && statusOf(refused);
}
