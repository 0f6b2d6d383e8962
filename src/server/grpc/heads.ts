/** What is looked at of a call before grpc-js sees it. */
import type { IncomingHttpHeaders } from 'node:http2';
import { readDeadlines } from '../deadlines.ts';
import { badHeader } from '../refusals.ts';
import { isThereTwice, repeatedHeader } from '../single-headers.ts';
import { type GrpcStatus, statusOf } from './status.ts';

/** The status of a call that is refused by its head; undefined: it may go on. */
export function refusedHead(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): GrpcStatus | undefined {
  const repeated = repeatedHeader(rawHeaders);
  const refused = repeated === undefined ? readDeadlines(headers) : badHeader(repeated, isThereTwice);
  return refused && statusOf(refused);
}
