/** Uploads that say little with much: by every transport and protocol, in pieces as small as they come, or as large as is usual. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { framed } from '../../server/grpc/raw-call.ts';
import { RawHttp2 } from '../../server/http/raw-http2.ts';

/** Whom it meets. */
export interface Target {
  /** `host:port`. */
  readonly grpc: string;
  readonly http: string;
  readonly key: string;
}

/** One sender at work. */
export interface Sender {
  /** Bytes that were handed to the system, with what wraps them. */
  readonly sent: () => number;
  readonly end: () => void;
}

/** Begins sending, until it is ended. A call or connection that the service ends is followed by another. */
type Begin = (target: Target) => Promise<Sender>;

/** A way of sending, in tiny pieces and in large ones. */
export interface Form {
  readonly name: string;
  readonly tiny: Begin;
  readonly large: Begin;
}

const upload = `/${ArtifactService.typeName}/UploadArtifact`;
/** What is written at once. */
const writeBytes = 256 * 1024;
const largeBytes = 1024 * 1024;

function message(part: Parameters<typeof create<typeof UploadArtifactRequestSchema>>[1]): Buffer {
  return framed(toBinary(UploadArtifactRequestSchema, create(UploadArtifactRequestSchema, part)));
}

const start = () =>
  message({ part: { case: 'start', value: { spec: { session: 'tiny', name: `n${Math.random()}` } } } });
const chunk = (bytes: number) => message({ part: { case: 'chunk', value: Buffer.alloc(bytes, 1) } });

function repeated(piece: Buffer, bytes: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(bytes / piece.length)) }, () => piece));
}

/** One call after another over a connection, as Node's HTTP/2 sends them: the windows are respected. */
function grpcCalls(piece: Buffer): Begin {
  return async (target) => {
    const session = connectHttp2(`http://${target.grpc}`);
    session.on('error', () => undefined);
    await once(session, 'connect');
    const body = repeated(piece, Math.max(writeBytes, piece.length));
    let [sent, isOver] = [0, false];
    const call = () => {
      if (isOver || session.destroyed) return;
      const stream = session.request({
        ':method': 'POST',
        ':path': upload,
        'content-type': 'application/grpc',
        authorization: `Bearer ${target.key}`,
        te: 'trailers',
      });
      const go = () => {
        while (!stream.writableEnded && !stream.destroyed) {
          sent += body.length;
          if (!stream.write(body)) break;
        }
      };
      stream.on('error', () => undefined);
      stream.on('drain', go).once('close', call).resume();
      stream.once('end', () => stream.close());
      stream.write(start());
      go();
    };
    call();
    return {
      sent: () => sent,
      end: () => {
        isOver = true;
        session.destroy();
      },
    };
  };
}

async function open(address: string): Promise<Socket> {
  const at = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Writes the same again and again over connections, one after another, each begun by some bytes. */
function connections(
  service: 'grpc' | 'http',
  begin: (socket: Socket, target: Target) => void,
  body: Buffer,
): Begin {
  return async (target) => {
    let [sent, isOver] = [0, false];
    let socket: Socket | undefined;
    const next = async (): Promise<void> => {
      if (isOver) return;
      const opened = await open(target[service]);
      socket = opened;
      begin(opened, target);
      const go = () => {
        while (opened.writable) {
          sent += body.length;
          if (!opened.write(body)) break;
        }
      };
      opened.on('drain', go).resume();
      opened.once('close', () => void next().catch(() => undefined));
      opened.once('end', () => opened.destroy());
      go();
    };
    await next();
    return {
      sent: () => sent,
      end: () => {
        isOver = true;
        socket?.destroy();
      },
    };
  };
}

function put(pieceBytes: number): Begin {
  const size = Buffer.from(`${pieceBytes.toString(16)}\r\n`);
  const piece = Buffer.concat([size, Buffer.alloc(pieceBytes, 1), Buffer.from('\r\n')]);
  const begin = (socket: Socket, { http, key }: Target) => {
    socket.write(
      `PUT /v1/sessions/tiny/artifacts/p${Math.random()} HTTP/1.1\r\nhost: ${http}\r\n` +
        `authorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
  };
  return connections('http', begin, repeated(piece, Math.max(writeBytes, piece.length)));
}

function httpCalls(contentType: string, piece: Buffer): Begin {
  const begin = (socket: Socket, { http, key }: Target) => {
    socket.write(
      `POST ${upload} HTTP/1.1\r\nhost: ${http}\r\nauthorization: Bearer ${key}\r\n` +
        `content-type: ${contentType}\r\nconnect-protocol-version: 1\r\ncontent-length: 5000000000\r\n\r\n`,
    );
    socket.write(start());
  };
  return connections('http', begin, repeated(piece, Math.max(writeBytes, piece.length)));
}

/** DATA frames of so many bytes each: an HTTP/2 stack would join them. Empty ones take no window. */
function frames(frameBytes: number): Begin {
  const head = Buffer.alloc(9);
  head.writeUIntBE(frameBytes, 0, 3);
  head.writeUInt32BE(1, 5);
  const frame = Buffer.concat([head, Buffer.alloc(frameBytes)]);
  const begin = (socket: Socket, { key }: Target) => {
    const raw = new RawHttp2(socket);
    raw.headers(1, {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': upload,
      ':authority': 'localhost',
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${key}`,
    });
    raw.data(1, start());
    // A message of 1 MiB that comes in such frames, less than what the windows take without being asked.
    const message = Buffer.alloc(5);
    message.writeUInt32BE(largeBytes, 1);
    raw.data(1, message);
  };
  return connections('grpc', begin, repeated(frame, writeBytes));
}

/** Every form. */
export const forms: readonly Form[] = [
  ...(
    [
      ['gRPC', grpcCalls],
      ['Connect', (piece: Buffer) => httpCalls('application/connect+proto', piece)],
      ['gRPC-Web', (piece: Buffer) => httpCalls('application/grpc-web+proto', piece)],
    ] as const
  ).flatMap(([name, begin]) =>
    [0, 1].map((bytes) => ({
      name: `${name}, chunks of ${bytes} bytes`,
      tiny: begin(chunk(bytes)),
      large: begin(chunk(largeBytes)),
    })),
  ),
  { name: 'PUT in pieces of one byte', tiny: put(1), large: put(largeBytes) },
  ...[0, 1].map((bytes) => ({
    name: `DATA frames of ${bytes} bytes`,
    tiny: frames(bytes),
    large: grpcCalls(chunk(largeBytes)),
  })),
];
