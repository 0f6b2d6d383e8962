/**
 * The heads of HTTP/1.1 requests, as every transport reads them: the forms of a target, and the heads that the parser of
 * Node refuses.
 */
import type { IncomingMessage } from 'node:http';

/** The fault of the head of a request. */
export interface BadHead {
  readonly status: number;
  readonly field: string;
  readonly description: string;
}

/**
 * Turns a target that is a whole URL (`GET http://host/path`, RFC 9112, 3.2.2) into its path, and makes the host of the
 * URL the Host of the request. Code that looks at either later sees what the client asked for.
 *
 * @returns the fault of a head that Node accepts.
 */
export function readHead(request: IncomingMessage): BadHead | undefined {
  if (!isOfHttp2(request) && request.httpVersionMajor !== 1) return badVersion;
  const { url = '', headers } = request;
  if (!isOfHttp2(request) && headers.host === undefined && request.httpVersionMinor > 0) return noHost;
  if (headers.expect !== undefined && !onlyContinue.test(headers.expect)) return badExpectation;
  const { 'transfer-encoding': coding } = headers;
  // A body with a compression in addition to chunks would be stored compressed.
  if (coding !== undefined && !/^\s*chunked\s*$/i.test(coding)) return badEncoding;
  if (url.startsWith('/')) return undefined;
  const [, authority, rest = ''] = /^https?:\/\/([^/?]*)(.*)$/is.exec(url) ?? [];
  if (authority === undefined) return badTarget;
  headers.host = authority;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return undefined;
}

/** Whether the request is one of HTTP/2. The version in a request line may be any text that its sender writes. */
export function isOfHttp2(request: IncomingMessage): boolean {
  return 'stream' in request;
}

/** A list of expectations, of which HTTP has one, in any case of the letters (RFC 9110, 10.1.1). */
const onlyContinue = /^\s*100-continue(\s*,\s*100-continue)*\s*$/i;
const badExpectation: BadHead = { status: 417, field: 'expect', description: 'must be 100-continue' };

const badTarget = bad(
  'request target',
  'must be a path that begins with "/", or a URL that begins with http:// or https://',
);
const noHost = bad('host', 'must be given once, with the host name of the service');
const badVersion: BadHead = {
  status: 505,
  field: 'version',
  description: 'must be HTTP/1.1 or HTTP/1.0 here',
};
const badLine = bad('request line', 'must be a method, a target and HTTP/1.1, with a space between each');
const badLength = bad(
  'content-length',
  'must be given once, as a number of bytes, and not together with transfer-encoding',
);
const badEncoding = bad('transfer-encoding', 'must be chunked, and not together with content-length');
const badHeader = bad(
  'headers',
  'must each be one line: a name, a colon and a value, in printable characters',
);
const badChunk = bad('request body', 'must be chunks, each with its size in hexadecimal digits before it');

/** The faults by Node's error code. */
const refused: Readonly<Record<string, BadHead>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    field: 'request',
    description: 'must arrive in time; send it again',
  },
  HPE_HEADER_OVERFLOW: { status: 431, field: 'headers', description: 'must be fewer or smaller' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    field: 'request body',
    description: 'must have chunks without long extensions',
  },
  HPE_INVALID_METHOD: bad('method', 'must be a method of HTTP, in capital letters, e.g. GET, PUT or POST'),
  HPE_INVALID_URL: badTarget,
  HPE_INVALID_VERSION: badLine,
  HPE_INVALID_CONSTANT: badLine,
  HPE_PAUSED_H2_UPGRADE: bad('version', 'must be HTTP/1.1 or HTTP/1.0 here'),
  HPE_INVALID_CONTENT_LENGTH: badLength,
  HPE_UNEXPECTED_CONTENT_LENGTH: badLength,
  HPE_INVALID_TRANSFER_ENCODING: badEncoding,
  HPE_INVALID_HEADER_TOKEN: badHeader,
  HPE_INVALID_CHUNK_SIZE: badChunk,
  HPE_STRICT: badChunk,
  HPE_INVALID_EOF_STATE: bad('request', 'must be complete; the connection ended within it'),
};

/** Returns the fault that the parser refuses, by the code of its error. Undefined: no client is left to answer. */
export function unreadable(code: string): BadHead | undefined {
  if (code === 'ECONNRESET' || code === 'EPIPE') return undefined;
  return refused[code] ?? bad('request', 'must be a request of HTTP/1.1');
}

/** The fault for a client that takes the listener for a proxy. */
export const noProxy: BadHead = {
  status: 405,
  field: 'method',
  description: 'must not be CONNECT: this service is not a proxy',
};

function bad(field: string, description: string): BadHead {
  return { status: 400, field, description };
}
