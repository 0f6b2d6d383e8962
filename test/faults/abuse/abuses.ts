/** What clients may do to a service that is not meant to fall over: each begins an abuse, and says how to end it. */
import { once } from 'node:events';
import { Agent, type ClientRequest, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { framed } from '../../server/grpc/raw-call.ts';
import { RawHttp2 } from '../../server/http/raw-http2.ts';

/** Where the service is, and an API key that is good there. */
interface Target {
  readonly grpc: string;
  readonly http: string;
  readonly key: string;
}

export interface Abuse {
  readonly name: string;
  /** How long others are watched meanwhile, in seconds; the idle limit ends some abuses in that time. */
  readonly seconds: number;
  /** @returns what it did, as far as can be told, and how it is ended. */
  begin(target: Target): Promise<{ readonly end: () => void; readonly told: () => string }>;
}

const upload = '/artifacta.v1.ArtifactService/UploadArtifact';

async function open(address: string): Promise<Socket> {
  const at = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const headersOf = ({ grpc, key }: Target) => ({
  ':method': 'POST',
  ':scheme': 'http',
  ':path': upload,
  ':authority': grpc,
  'content-type': 'application/grpc',
  te: 'trailers',
  authorization: `Bearer ${key}`,
});

function message(part: object): Buffer {
  return framed(
    toBinary(UploadArtifactRequestSchema, create(UploadArtifactRequestSchema, { part } as object)),
  );
}

const start = (name: string) =>
  message({ case: 'start', value: { spec: { session: 'abuse', name, sizeBytes: undefined } } });

/** So many streams over as few connections as can be; `send` says what each begins with. */
async function streams(target: Target, count: number, send: (raw: RawHttp2, id: number) => void) {
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; ) {
    const socket = await open(target.grpc);
    sockets.push(socket);
    const raw = new RawHttp2(socket);
    for (let at = 0; at < 100 && opened < count; at++, opened++) {
      raw.headers(2 * at + 1, headersOf(target));
      send(raw, 2 * at + 1);
    }
  }
  const alive = () => sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  return {
    end: () => {
      for (const socket of sockets) socket.destroy();
    },
    told: () => `${count} streams on ${sockets.length} connections, of which ${alive()} are open at the end`,
  };
}

/** Every so many milliseconds. */
function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

export const abuses: readonly Abuse[] = [
  {
    name: '3,000 rapid resets',
    seconds: 5,
    begin: async (target) => {
      const socket = await open(target.grpc);
      const raw = new RawHttp2(socket);
      for (let at = 0; at < 3_000; at++) {
        raw.headers(2 * at + 1, headersOf(target));
        raw.reset(2 * at + 1, 8);
      }
      return {
        end: () => socket.destroy(),
        told: () =>
          `the connection is ${socket.destroyed || socket.readableEnded ? 'closed' : 'open'} at the end`,
      };
    },
  },
  {
    name: '500 idle uploads',
    seconds: 40,
    begin: (target) => streams(target, 500, (raw, id) => raw.data(id, start(`idle-${id}`))),
  },
  {
    name: '1,000 stalled uploads',
    seconds: 40,
    begin: (target) => {
      const half = message({ case: 'chunk', value: new Uint8Array(6_000) }).subarray(0, 500);
      return streams(target, 1_000, (raw, id) => {
        raw.data(id, start(`stalled-${id}`));
        raw.data(id, half);
      });
    },
  },
  {
    name: 'a byte a second, 50 times',
    seconds: 20,
    begin: async ({ http, key }) => {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => open(http)));
      for (const [at, socket] of sockets.entries()) {
        socket.resume();
        socket.write(
          `PUT /v1/sessions/abuse/artifacts/slow-${at} HTTP/1.1\r\nHost: ${http}\r\nAuthorization: Bearer ${key}\r\nContent-Length: 100000\r\n\r\n`,
        );
      }
      const stop = every(1_000, () => {
        for (const socket of sockets) if (!socket.destroyed) socket.write('x');
      });
      return {
        end: () => {
          stop();
          for (const socket of sockets) socket.destroy();
        },
        told: () => `${sockets.filter((socket) => !socket.destroyed).length} of 50 are open at the end`,
      };
    },
  },
  {
    name: 'slow heads of requests, 200 times',
    seconds: 40,
    begin: async ({ http }) => {
      const sockets = await Promise.all(Array.from({ length: 200 }, () => open(http)));
      for (const socket of sockets) socket.resume().write('GET / HTTP/1.1\r\nHost: x\r\n');
      const stop = every(1_000, () => {
        for (const socket of sockets) if (!socket.destroyed && socket.writable) socket.write('X-A: b\r\n');
      });
      return {
        end: () => {
          stop();
          for (const socket of sockets) socket.destroy();
        },
        told: () => `${sockets.filter((socket) => !socket.destroyed).length} of 200 are open at the end`,
      };
    },
  },
  {
    name: '1,000 wrong keys a second',
    seconds: 10,
    begin: async ({ http }) => {
      const answers = new Map<number, number>();
      const agent = new Agent({ keepAlive: true, maxSockets: 64 });
      const open = new Set<ClientRequest>();
      let sent = 0;
      const note = (status: number) => answers.set(status, (answers.get(status) ?? 0) + 1);
      const attempt = () => {
        const authorization = `Bearer ark_${'a'.repeat(16)}_${String(sent++).padStart(43, '0')}`;
        const path = `/v1/artifacts/art_${'0'.repeat(26)}/content`;
        const request = get(`http://${http}${path}`, { agent, headers: { authorization } }, (answer) => {
          note(answer.statusCode ?? 0);
          answer.resume();
        });
        request.on('error', () => note(0)).on('close', () => open.delete(request));
        open.add(request);
      };
      const stop = every(20, () => {
        for (let at = 0; at < 20; at++) attempt();
      });
      return {
        end: () => {
          stop();
          // The agent would open connections anew for those that still wait for one.
          for (const request of open) request.destroy();
          agent.destroy();
        },
        told: () => `${sent} sent, answered ${JSON.stringify(Object.fromEntries(answers))}`,
      };
    },
  },
];
