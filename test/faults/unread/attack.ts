/** Whoever asks and does not read, or does not end what is asked: by every listener, over one connection and many. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  ArtifactService,
  ListArtifactsRequestSchema,
} from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { DownloadArtifactRequestSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import { framed } from '../../server/grpc/raw-call.ts';
import { RawHttp2 } from '../../server/http/raw-http2.ts';

export interface Listener {
  readonly protocol: 'grpc' | 'HTTP/1.1' | 'HTTP/2';
  /** HOST:PORT, or the path of a Unix socket. */
  readonly address: string;
  readonly isTls: boolean;
}

/** What is asked for. */
export interface Wanted {
  /** Small pages have room for large ones while they are made; large requests are for pages, and are kept while they wait. */
  readonly kind: 'contents' | 'pages' | 'small pages' | 'large requests' | 'half requests';
  /** An artifact, a share link to it and its session. */
  readonly artifact: string;
  readonly path: string;
  readonly session: string;
  /** Of whoever asks over gRPC, or for pages. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Attack {
  /** Connections that are open. */
  readonly alive: () => number;
  readonly end: () => void;
}

export const nameOf = ({ protocol, address, isTls }: Listener) =>
  `${protocol}${isTls ? ' over TLS' : ''}${address.startsWith('/') ? ' on a Unix socket' : ''}`;

/** Where a server answers. */
interface Addresses {
  readonly grpc: string;
  readonly http: string | null;
}

/** Every listener of a server in clear, with its socket, and of one over TLS, by its name. */
export function listenersOf(clear: Addresses, secured: Addresses, socket: string): Map<string, Listener> {
  const all: readonly Listener[] = [
    { protocol: 'grpc', address: clear.grpc, isTls: false },
    { protocol: 'grpc', address: secured.grpc, isTls: true },
    { protocol: 'grpc', address: socket, isTls: false },
    { protocol: 'HTTP/1.1', address: clear.http!, isTls: false },
    { protocol: 'HTTP/1.1', address: secured.http!, isTls: true },
    { protocol: 'HTTP/2', address: secured.http!, isTls: true },
  ];
  return new Map(all.map((listener) => [nameOf(listener), listener]));
}

/** A connection, which may have been refused. */
export async function open({ protocol, address, isTls }: Listener): Promise<Socket> {
  const at = address.lastIndexOf(':');
  const where = address.startsWith('/')
    ? { path: address }
    : { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
  const socket = isTls
    ? connectTls({
        ...where,
        rejectUnauthorized: false,
        ALPNProtocols: [protocol === 'HTTP/1.1' ? 'http/1.1' : 'h2'],
      })
    : connect(where);
  socket.on('error', () => undefined);
  // A service that has much to do may refuse some.
  await once(socket, isTls ? 'secureConnect' : 'connect').catch(() => socket.destroy());
  return socket;
}

const list = `/${ArtifactService.typeName}/ListArtifacts`;
const download = `/${ArtifactService.typeName}/DownloadArtifact`;

const pageSizeOf = ({ kind }: Wanted) => (kind === 'small pages' ? 1 : 1_000);
/** Three of them fit in the window of a connection. */
const paddingOf = ({ kind }: Wanted) => (kind === 'large requests' ? 1024 * 1024 : 0);

/** Sends requests ahead and reads nothing. */
function askHttp1(socket: Socket, { address }: Listener, wanted: Wanted, requests: number): void {
  const body =
    JSON.stringify({ session: wanted.session, pageSize: pageSizeOf(wanted) }) + ' '.repeat(paddingOf(wanted));
  const [first, lines, content] =
    wanted.kind === 'contents'
      ? [`GET ${wanted.path} HTTP/1.1`, {}, '']
      : [
          `POST ${list} HTTP/1.1`,
          { ...wanted.headers, 'content-type': 'application/json', 'content-length': body.length },
          body,
        ];
  const head = [
    first,
    `Host: ${address}`,
    ...Object.entries(lines).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${content}`.repeat(requests));
}

/** The same, on as many streams, with windows of 2 GiB. */
function askHttp2(socket: Socket, listener: Listener, wanted: Wanted, requests: number): void {
  const raw = new RawHttp2(socket);
  socket.pause();
  raw.openWindows();
  const isGrpc = listener.protocol === 'grpc';
  const isContent = wanted.kind === 'contents';
  const common = {
    ':scheme': listener.isTls ? 'https' : 'http',
    ':authority': isGrpc ? 'x' : listener.address,
  };
  const post = { ':method': 'POST', ...common };
  const fields = { te: 'trailers', ...wanted.headers };
  const { artifact, session } = wanted;
  const message = isContent
    ? toBinary(
        DownloadArtifactRequestSchema,
        create(DownloadArtifactRequestSchema, { artifact: { by: { case: 'id', value: artifact } } }),
      )
    : toBinary(
        ListArtifactsRequestSchema,
        create(ListArtifactsRequestSchema, {
          session,
          pageSize: pageSizeOf(wanted),
          $unknown: [
            {
              no: 1_000,
              wireType: WireType.LengthDelimited,
              data: new BinaryWriter().bytes(Buffer.alloc(paddingOf(wanted))).finish(),
            },
          ],
        }),
      );
  for (let id = 1; id < 2 * requests; id += 2) {
    if (isGrpc) {
      raw.headers(id, {
        ...post,
        ':path': isContent ? download : list,
        'content-type': 'application/grpc',
        ...fields,
      });
      raw.data(id, framed(message));
    } else if (isContent) raw.headers(id, { ':method': 'GET', ':path': wanted.path, ...common });
    else {
      raw.headers(id, { ...post, ':path': list, 'content-type': 'application/proto', ...fields });
      raw.data(id, message);
    }
    raw.end(id);
  }
}

/** The same, of which none is sent to its end. */
function askHalf(socket: Socket, listener: Listener, wanted: Wanted, requests: number): void {
  const body = Buffer.alloc(1024 * 1024 - 1);
  const [isGrpc, isHttp1] = [listener.protocol === 'grpc', listener.protocol === 'HTTP/1.1'];
  if (isGrpc) body.writeUInt32BE(body.length, 1);
  const type = `application/${isGrpc ? 'grpc' : 'proto'}`;
  const fields = { 'content-type': type, ...wanted.headers };
  if (isHttp1) {
    const lines = { host: listener.address, ...fields, 'content-length': body.length + 1 };
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
    socket.write(`POST ${list} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    socket.write(body);
    return;
  }
  const authority = `http${listener.isTls ? 's' : ''}://localhost`;
  // Node counts what its own streams have still to send.
  const session = connectHttp2(authority, { createConnection: () => socket, maxSessionMemory: 1_000_000 });
  session.on('error', () => undefined);
  for (let count = 0; count < requests; count++) {
    const stream = session.request({ ':method': 'POST', ':path': list, te: 'trailers', ...fields });
    stream.on('error', () => undefined).write(body);
  }
}

/** @param requests on each connection. */
export async function attack(
  listener: Listener,
  wanted: Wanted,
  connections: number,
  requests: number,
): Promise<Attack> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(listener)));
  const isHttp1 = listener.protocol === 'HTTP/1.1';
  const ask = wanted.kind === 'half requests' ? askHalf : isHttp1 ? askHttp1 : askHttp2;
  for (const socket of sockets) ask(socket, listener, wanted, requests);
  return {
    alive: () => sockets.filter((socket) => !socket.destroyed).length,
    end: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
