/** The connections from this process to other replicas: one to each address, over which all calls go. */
import { Buffer } from 'node:buffer';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Transport } from '@connectrpc/connect';
import { createAsyncIterable, type UniversalClientFn } from '@connectrpc/connect/protocol';
import { createTransport } from '@connectrpc/connect/protocol-grpc';
import { createNodeHttpClient } from '@connectrpc/connect-node';
import type { ReplicaSecret } from '../../api/passing/proofs.ts';
import { NotSent } from '../../api/passing/replica-caller.ts';
import { Sessions } from '../../client/wire/http2-session.ts';
import { transportPerCall } from '../../client/wire/transport-per-call.ts';
import { parseAddress } from '../../domain/address.ts';
import { limits } from '../../domain/limits.ts';
import type { After } from '../../domain/timer.ts';

interface ReplicaLinksOptions {
  /** Whether the replicas speak TLS with each other. */
  readonly isSecured: boolean;
  readonly after: After;
  /** Ends the proof of a call, as the other replica checks it. */
  readonly seal: ReplicaSecret['seal'];
}

/** The time in which a connection must be made, in milliseconds. */
const connectMsMax = 3_000;
/**
 * How soon a replica is noticed that hangs while a call waits for it, in milliseconds. A call that may be repeated is
 * sent to a hanging owner twice in a lease of ten seconds, and then reaches the next owner.
 */
const pings = { pingIntervalMs: 2_000, pingTimeoutMs: 3_000 };
/** More connections than a store has replicas: beyond that, the one that was used longest ago is closed. */
const linksMax = 64;

interface Link {
  readonly transport: Transport;
  readonly sessions: Sessions;
}

/** The links of this process. Disposal closes the connections; calls that wait on them fail. */
export class ReplicaLinks implements Disposable {
  private readonly options: ReplicaLinksOptions;
  /** By address; the one that was used longest ago comes first. */
  private readonly links = new Map<string, Link>();

  constructor(options: ReplicaLinksOptions) {
    this.options = options;
  }

  /** Returns the transport to an address. Its errors are {@link NotSent} if a request was not sent. */
  linkTo(address: string): Transport {
    const link = this.links.get(address) ?? this.open(address);
    this.links.delete(address);
    this.links.set(address, link);
    return link.transport;
  }

  [Symbol.dispose](): void {
    for (const { sessions } of this.links.values()) sessions.close();
    this.links.clear();
  }

  private open(address: string): Link {
    const { isSecured, seal } = this.options;
    const baseUrl = `${isSecured ? 'https' : 'http'}://${address}`;
    const createConnection = () => this.connect(address);
    const sessions = new Sessions(baseUrl, { createConnection }, { isWide: false, pings });
    const sealing = (header: Headers, url: string, message: Uint8Array) =>
      seal(header, { method: url.slice(baseUrl.length + 1), address }, message);
    const transport = transportPerCall(noting(sessions), ({ sessionManager, interceptors }) =>
      createTransport({
        interceptors,
        baseUrl,
        httpClient: sealed(
          createNodeHttpClient({ httpVersion: '2', sessionProvider: () => sessionManager }),
          sealing,
        ),
        useBinaryFormat: true,
        acceptCompression: [],
        sendCompression: null,
        compressMinBytes: 0,
        readMaxBytes: limits.messageBytesMax,
        writeMaxBytes: 0xffff_ffff,
      }),
    );
    const [oldest] = this.links;
    if (oldest !== undefined && this.links.size >= linksMax) {
      this.links.delete(oldest[0]);
      oldest[1].sessions.close();
    }
    return { transport, sessions };
  }

  /** Connects. A machine that has gone answers nothing, and a connection to it would wait for minutes. */
  private connect(address: string): Socket {
    const { isSecured, after } = this.options;
    const parsed = parseAddress(address);
    if (parsed === undefined) throw new Error(`${address} is not an address`);
    // Both sides prove who they are with the secret; a certificate has the names that clients use.
    const socket = isSecured
      ? connectTls({ ...parsed, ALPNProtocols: ['h2'], rejectUnauthorized: false })
      : connectSocket(parsed);
    const cancel = after(connectMsMax, () =>
      socket.destroy(new Error('the connection was not made in time')),
    );
    socket.once(isSecured ? 'secureConnect' : 'connect', cancel);
    socket.once('close', cancel);
    socket.setNoDelay(true);
    return socket;
  }
}

/** The length of the head of a message in a body of gRPC. */
const headBytes = 5;

/** Has `seal` called with the headers, the URL and the message of each call: its bytes, as they are sent. */
function sealed(
  client: UniversalClientFn,
  seal: (header: Headers, url: string, message: Uint8Array) => void,
): UniversalClientFn {
  return async (request) => {
    const body = Buffer.concat(await Array.fromAsync(request.body ?? []));
    seal(request.header, request.url, body.subarray(headBytes));
    return await client({ ...request, body: createAsyncIterable([body]) });
  };
}

/** Says of calls that were not sent that they were not. */
function noting(sessions: Sessions): Parameters<typeof transportPerCall>[0] {
  return {
    authority: sessions.authority,
    request: async (...call) => {
      try {
        return await sessions.request(...call);
      } catch (error) {
        throw notSent(error);
      }
    },
    notifyResponseByteRead: (stream) => sessions.notifyResponseByteRead(stream),
  };
}

function notSent(error: unknown): NotSent {
  const message = error instanceof Error ? error.message : String(error);
  return new NotSent(message, { cause: error });
}
