/** Every way to send the bytes of a message by hand, and to read the error that comes back. */
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { ConnectError } from '@connectrpc/connect';
import { endStreamFromJson, errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { expect } from 'vitest';

/** What came back; trailers are among the headers. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

type Ask = (
  path: string,
  headers: Record<string, string>,
  body: Uint8Array,
  verb?: string,
) => Promise<Answer>;

/** To a URL, over any connection. */
const overHttp1 =
  (url: () => string): Ask =>
  async (path, headers, body, verb = 'POST') => {
    const init = verb === 'GET' ? {} : { body: new Uint8Array(body) };
    const answer = await fetch(`${url()}${path}`, { method: verb, headers, ...init });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  };

/** To a URL, over a connection of its own; trailers count as headers. */
function overHttp2(url: () => string, socket?: () => string): Ask {
  return async (path, headers, body, verb = 'POST') => {
    const session = connectHttp2(url(), {
      rejectUnauthorized: false,
      ...(socket === undefined ? {} : { createConnection: () => connect(socket()) }),
    });
    try {
      const stream = session.request({ ':method': verb, ':path': path, ...headers });
      const found = new Headers();
      let status = 0;
      const note = (fields: object) => {
        for (const [name, value] of Object.entries(fields))
          if (name.startsWith(':')) status = Number(value);
          else found.set(name, String(value));
      };
      stream.on('response', note).on('trailers', note);
      if (verb !== 'GET') stream.end(body);
      const chunks: Buffer[] = [];
      for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
      expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
      return { status, headers: found, body: Buffer.concat(chunks) };
    } finally {
      session.destroy();
    }
  };
}

/** Where a service listens, when the tests run. */
export interface Listening {
  readonly http: () => string;
  /** HTTP/2 over TLS. */
  readonly https: (() => string) | undefined;
  readonly grpc: () => string;
  readonly socket: () => string;
}

/** By each version of HTTP. */
export function httpAsks({ http, https }: Listening): [string, Ask][] {
  const clear: [string, Ask] = ['HTTP/1.1', overHttp1(http)];
  return https === undefined ? [clear] : [clear, ['HTTP/2', overHttp2(https)]];
}

function endOf(body: Buffer): Buffer {
  let end = body;
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1);
    end = body.subarray(at + 5, at + 5 + length);
    at += 5 + length;
  }
  return end;
}

/** A form that messages are sent in, and in which errors come back. */
export interface Protocol {
  readonly type: string;
  readonly isWrapped: boolean;
  readonly encoding: string;
  readonly error: (answer: Answer) => ConnectError | undefined;
}

/** Connect's protocol for one message and one answer. */
export const connectUnary = (type: string): Protocol => ({
  type,
  isWrapped: false,
  encoding: 'content-encoding',
  error: ({ body }) => errorFromJsonBytes(body, undefined, new ConnectError('no JSON')),
});
const connectStream = (type: string): Protocol => ({
  type,
  isWrapped: true,
  encoding: 'connect-content-encoding',
  error: ({ body }) => endStreamFromJson(endOf(body)).error,
});
const grpcWeb = (type: string): Protocol => ({
  type,
  isWrapped: true,
  encoding: 'grpc-encoding',
  error: ({ headers, body }) => findTrailerError(body.length > 0 ? trailerParse(endOf(body)) : headers),
});
const grpc: Protocol = {
  type: 'application/grpc',
  isWrapped: true,
  encoding: 'grpc-encoding',
  error: ({ headers }) => findTrailerError(headers),
};

/** Who speaks what, with messages of one format. */
export interface Way {
  readonly ask: Ask;
  readonly protocol: Protocol;
}

/** All ways of sending a message, with what each is called. */
export function ways(
  listening: Listening,
  kind: 'unary' | 'stream',
  format: 'json' | 'proto',
): [string, Way][] {
  const connectOf = kind === 'unary' ? connectUnary(`application/${format}`) : undefined;
  const protocols = {
    Connect: connectOf ?? connectStream(`application/connect+${format}`),
    'gRPC-Web': grpcWeb(`application/grpc-web+${format}`),
  };
  const overHttp = httpAsks(listening).flatMap(([name, ask]) =>
    Object.entries(protocols).map(([protocol, one]): [string, Way] => [
      `${protocol} over ${name}`,
      { ask, protocol: one },
    ]),
  );
  if (format === 'json') return overHttp;
  const socket = overHttp2(() => 'http://localhost', listening.socket);
  return [
    ...overHttp,
    ['gRPC', { ask: overHttp2(listening.grpc), protocol: grpc }],
    ['the local socket', { ask: socket, protocol: grpc }],
  ];
}
