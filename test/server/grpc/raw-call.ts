/** gRPC spoken by hand over node:http2, for what no client library can be made to do. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type SecureClientSessionOptions,
} from 'node:http2';
import { createConnection, type Socket } from 'node:net';

export interface RawConnection extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  /** Begins a call; nothing but its headers is sent. */
  call(path: string, headers?: Record<string, string>): ClientHttp2Stream;
}

export async function openRawConnection(
  address: string,
  options: SecureClientSessionOptions = {},
): Promise<RawConnection> {
  const at = address.lastIndexOf(':');
  const socket = createConnection({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  const session = connect(`http://${address}`, { ...options, createConnection: () => socket });
  // Tests break connections on purpose; what follows from it is seen on the server.
  session.on('error', () => undefined);
  socket.on('error', () => undefined);
  await once(session, 'connect');
  return {
    session,
    socket,
    call: (path, headers = {}) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      stream.on('error', () => undefined);
      return stream;
    },
    [Symbol.asyncDispose]: async () => {
      if (!session.destroyed) session.destroy();
      if (!socket.destroyed) socket.destroy();
    },
  };
}

/**
 * Resets a stream without ending it first, as node:http2 itself would do. Writes past its session: it must be idle.
 *
 * @param code 0 is NO_ERROR, 8 is CANCEL.
 */
export function resetStream({ socket }: RawConnection, { id }: ClientHttp2Stream, code: number): void {
  const frame = Buffer.alloc(13);
  frame.writeUIntBE(4, 0, 3);
  frame.writeUInt8(3, 3);
  frame.writeUInt32BE(id ?? 0, 5);
  frame.writeUInt32BE(code, 9);
  socket.write(frame);
}

/** A message with its frame header. */
export function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

interface RawAnswer {
  readonly messages: Buffer[];
  readonly status: string | undefined;
  readonly message: string | undefined;
}

/** Everything that the server answers, once it has ended the call. */
export async function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let found: Record<string, unknown> = {};
  stream.on('response', (headers) => {
    found = { ...found, ...headers };
  });
  stream.on('trailers', (headers) => {
    found = { ...found, ...headers };
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  const body = Buffer.concat(chunks);
  const messages: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + 5, end));
    at = end;
  }
  const text = (key: string) => (found[key] === undefined ? undefined : String(found[key]));
  return { messages, status: text('grpc-status'), message: text('grpc-message') };
}

/** Waits until `probe` gives something true, at most `ms` milliseconds; fails with what it gave last. */
export async function eventually<T>(probe: () => Promise<T> | T, ms = 1_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms; last seen: ${String(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
