/** Which requests to the path of a method are calls of it. The libraries refuse the others without an explanation. */
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { type HttpError, notAllowed, refusedField } from '../errors.ts';
import type { Exchange } from '../exchange.ts';

/** The types in the order in which they are offered. In streams, the messages are wrapped. */
const contentTypes = {
  unary: ['application/json', 'application/proto'],
  stream: ['application/connect+json', 'application/connect+proto'],
  web: ['application/grpc-web+proto', 'application/grpc-web+json'],
} as const;

/** Only methods that read can be called with GET, which has no body. */
const byGet =
  'send the message as its body, or with GET in the query: ?encoding=json&message={…}, percent-encoded';

/** The values with which a GET names the format of its message. */
const encodings = ['json', 'proto'];

/** Returns the refusal of a request. @returns 405 or 415 if the request is not a call of the method. */
export function unacceptable(
  { allowedMethods, method, supportedContentType }: UniversalHandler,
  { request, target }: Exchange,
): HttpError | undefined {
  const isUnary = method.methodKind === 'unary';
  // The library says that streams which only read can be called with GET; it admits no such GET.
  const allowed = isUnary ? allowedMethods : ['POST'];
  const accepted = [...contentTypes[isUnary ? 'unary' : 'stream'], ...contentTypes.web];
  const headers = { 'accept-post': accepted.join(', ') };
  if (!allowed.includes(request.method ?? '')) return notAllowed(allowed, '', headers);
  if (request.method === 'GET') {
    if (target.query === '') return notAllowed(['POST'], `; ${byGet}`, headers);
    // The value as the library reads it.
    const encoding = new URLSearchParams(target.query).get('encoding');
    return encodings.includes(encoding ?? '')
      ? undefined
      : refusedField(415, 'INVALID_ARGUMENT', 'encoding', `must be ${encodings.join(' or ')}`);
  }
  const contentType = request.headers['content-type'];
  if (contentType !== undefined && supportedContentType(contentType) && !isText(contentType))
    return undefined;
  const description = `must be one of ${accepted.join(', ')}${whyNot(contentType)}`;
  return refusedField(415, 'INVALID_ARGUMENT', 'content-type', description, headers);
}

/** Returns true for gRPC-Web in base64, which is a form of its own. */
function isText(contentType: string): boolean {
  return /^application\/grpc-web-text/i.test(contentType);
}

function whyNot(contentType: string | undefined): string {
  if (contentType === undefined) return '; the request has none';
  return /^application\/grpc(\+|;|$)/i.test(contentType) ? '; gRPC is served at an address of its own' : '';
}
