/** Whoever takes all connections of a listener: with nothing, with heads and requests that come a byte at a time, with watches. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectPlain, type Socket } from 'node:net';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { WatchSessionRequestSchema } from '../../../gen/artifacta/v1/watch_pb.ts';
import { framed } from '../../server/grpc/raw-call.ts';
import { type Listener, open } from '../unread/attack.ts';

/** `silence` is not even TLS. */
export const ways = ['silence', 'heads', 'uploads', 'watches'] as const;
export type Way = (typeof ways)[number];

interface Taking {
  readonly way: Way;
  readonly count: number;
  /** Their headers, in turn; they need none for what is never asked in full. */
  readonly credentials: readonly Readonly<Record<string, string>>[];
}

/** Disposing closes its connections. */
interface Taken extends Disposable {
  /** Connections that are open. */
  readonly open: () => number;
  /** What was told to calls that were ended: statuses and messages. */
  readonly told: readonly string[];
  /** Opens anew what was closed, and sends a byte of each. */
  readonly goOn: () => Promise<void>;
}

const upload = `/${ArtifactService.typeName}/UploadArtifact`;
const watch = `/${SessionService.typeName}/WatchSession`;
const watched = create(WatchSessionRequestSchema, { session: 'taken', waitForOpen: true });
const started = create(UploadArtifactRequestSchema, {
  part: { case: 'start', value: { spec: { session: 'taken', name: 'silent' } } },
});

/** One connection; `more` sends what is next. */
interface One {
  readonly socket: Socket;
  readonly more: () => void;
}

export async function takeConnections(listener: Listener, taking: Taking): Promise<Taken> {
  const told: string[] = [];
  const all: One[] = [];
  const begin = async (at: number): Promise<void> => {
    const headers = taking.credentials[at % taking.credentials.length] ?? {};
    all[at] = await takeOne(listener, taking.way, headers, told);
  };
  for (let at = 0; at < taking.count; at++) await begin(at);
  return {
    told,
    open: () => all.filter(({ socket }) => !socket.destroyed).length,
    goOn: async () => {
      for (const [at, { socket, more }] of all.entries())
        if (socket.destroyed) await begin(at);
        else more();
    },
    [Symbol.dispose]: () => {
      for (const { socket } of all) socket.destroy();
    },
  };
}

async function takeOne(
  listener: Listener,
  way: Way,
  headers: Readonly<Record<string, string>>,
  told: string[],
): Promise<One> {
  const socket = await (way === 'silence' ? openSilent(listener) : open(listener));
  if (way === 'silence' || socket.destroyed) {
    socket.resume();
    return { socket, more: () => undefined };
  }
  const byte = () => void (socket.writable && socket.write('x'));
  if (listener.protocol === 'HTTP/1.1') {
    socket.write(http1(listener, way, headers));
    socket.on('data', (bytes: Buffer) => told.push(bytes.toString()));
    return { socket, more: way === 'watches' ? () => undefined : byte };
  }
  if (way === 'heads') {
    // A frame of headers that says it has 4 KiB.
    const head = Buffer.from([0, 0x10, 0, 1, 4, 0, 0, 0, 1]);
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    socket.resume().write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, head]));
    return { socket, more: byte };
  }
  const session = connect('http://localhost', { createConnection: () => socket });
  session.on('error', () => undefined);
  const call = http2(session, listener, way, headers);
  call.on('error', () => undefined).on('data', (bytes: Buffer) => told.push(bytes.toString('latin1')));
  const note = (answer: object) => {
    const { 'grpc-status': status, 'grpc-message': message } = answer as Record<string, string>;
    if (status !== undefined) told.push(`${status} ${decodeURIComponent(message ?? '')}`);
  };
  call.on('response', note).on('trailers', note);
  return { socket, more: () => void (way === 'uploads' && call.writable && call.write('x')) };
}

async function openSilent({ address }: Listener): Promise<Socket> {
  const at = address.lastIndexOf(':');
  const where = address.startsWith('/')
    ? { path: address }
    : { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
  const socket = connectPlain(where);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return socket;
}

function http1({ address }: Listener, way: Way, headers: Readonly<Record<string, string>>): string {
  const lines = (first: string, more: Readonly<Record<string, string | number>>) =>
    [
      first,
      `Host: ${address}`,
      ...Object.entries({ ...headers, ...more }).map((pair) => pair.join(': ')),
    ].join('\r\n');
  if (way === 'heads') return 'GET / HTTP/1.1\r\n';
  if (way === 'uploads')
    return `${lines('PUT /v1/sessions/taken/artifacts/silent HTTP/1.1', { 'content-length': 1_000_000 })}\r\n\r\n`;
  const message = Buffer.from(toJsonString(WatchSessionRequestSchema, watched));
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(message.length, 1);
  const body = Buffer.concat([envelope, message]).toString('latin1');
  const type = { 'content-type': 'application/connect+json', 'content-length': body.length };
  return `${lines(`POST ${watch} HTTP/1.1`, type)}\r\n\r\n${body}`;
}

/** gRPC, and at the other listener a PUT for an upload. */
function http2(
  session: ClientHttp2Session,
  { protocol, address }: Listener,
  way: Way,
  headers: Readonly<Record<string, string>>,
): ClientHttp2Stream {
  const common = { ...headers, ':scheme': 'http', ':authority': protocol === 'grpc' ? 'localhost' : address };
  if (protocol === 'HTTP/2' && way === 'uploads')
    return session.request({
      ...common,
      ':scheme': 'https',
      ':method': 'PUT',
      ':path': '/v1/sessions/taken/artifacts/silent',
      'content-length': 1_000_000,
    });
  const isGrpc = protocol === 'grpc';
  const call = session.request({
    ...common,
    ...(isGrpc ? { te: 'trailers' } : { ':scheme': 'https' }),
    ':method': 'POST',
    ':path': way === 'uploads' ? upload : watch,
    'content-type': isGrpc ? 'application/grpc' : 'application/connect+proto',
  });
  if (way === 'uploads') call.write(framed(toBinary(UploadArtifactRequestSchema, started)));
  else call.end(framed(toBinary(WatchSessionRequestSchema, watched)));
  return call;
}
