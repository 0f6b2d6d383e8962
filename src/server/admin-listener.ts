/**
 * The listener for probes and Prometheus: `/healthz`, `/readyz` and `/metrics` over HTTP/1.1. It has no authentication.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { usualPlaces } from '../api/places.ts';
import type { UnsentAnswer } from '../api/sending/unsent-answer.ts';
import type { UnsentBytes } from '../api/sending/unsent-bytes.ts';
import { afterAwaitedTime } from '../api/timer.ts';
import { type Address, formatAddress } from '../domain/address.ts';
import { ListenError } from './addresses.ts';
import { Answers, usualUnsent } from './answers.ts';
import { type LastAnswer, sayLast } from './farewell.ts';
import { hostName, KnownHosts } from './heads/known-hosts.ts';
import { type BadHead, noProxy, readHead, unreadable } from './heads/request-heads.ts';
import { occursTwice, repeatedHeader } from './heads/single-headers.ts';
import { givePlaces } from './places.ts';
import type { Readiness } from './readiness.ts';
import { Turns } from './turns.ts';

/** The answer to a scrape. */
interface Scrape {
  readonly contentType: string;
  readonly body: string;
}

/** Where it listens, and what it answers. */
export interface AdminListenerOptions {
  /** Port 0 takes any free port. */
  readonly address: Address;
  /**
   * Names under which `/metrics` may be requested, in addition to loopback's and the host where it listens.
   * Default: none.
   */
  readonly hosts?: readonly string[];
  readonly readiness: Pick<Readiness, 'ready' | 'phase'>;
  /** The count of bytes that wait to be sent, also of other listeners. Default: a count with the usual limits. */
  readonly unsent?: UnsentBytes;
  /** The number of connections at once. Default: as many as usual. */
  readonly connectionsMax?: number | undefined;
  /** Returns the body of `/metrics`. */
  readonly metrics: () => Promise<Scrape>;
  /** Gets unforeseen errors; the caller gets only 500. */
  readonly onUnexpectedError: (error: unknown, path: string) => void;
}

/** The open listener. Disposal answers the open requests, for at most a second, and closes. */
interface AdminListener extends AsyncDisposable {
  /** HOST:PORT */
  readonly address: string;
}

/** How long a request may take to arrive, and a connection may be idle, in milliseconds. */
const patienceMs = 5_000;
const headerBytesMax = 8 * 1024;
const closeMs = 1_000;

/** Opens the listener. @throws Error if it cannot listen on the address. */
export async function openAdminListener(options: AdminListenerOptions): Promise<AdminListener> {
  const known = new KnownHosts(options.address.host, options.hosts ?? []);
  const turns = new Turns();
  const answers = new Answers(options.unsent ?? usualUnsent());
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      keepAliveTimeout: patienceMs,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
    (request, response) => serve(request, response),
  );
  const serve = (request: IncomingMessage, response: ServerResponse) =>
    turns.take(request, async () => {
      const isOut = once(response, 'close');
      const { socket } = request;
      const unsent = answers.open(socket, socket.remoteAddress, 1, {
        end: () => response.destroy(),
        refuse: () => response.destroy(),
        isWhole: () => request.complete,
      });
      send(request, response, await answer(request, response, known, options), unsent);
      await isOut;
      unsent.drop();
    });
  server.on('checkExpectation', serve);
  refuseBroken(server, turns);
  givePlaces(server, options.connectionsMax ?? usualPlaces.adminListener);
  const { host } = options.address;
  await listen(server, options.address);
  const { port } = server.address() as AddressInfo;
  return {
    address: formatAddress({ host, port }),
    [Symbol.asyncDispose]: () => close(server),
  };
}

/**
 * Answers clients that do not speak HTTP with the reason why their connection ends, after their earlier requests are
 * answered.
 */
function refuseBroken(server: Server, turns: Turns): void {
  const ending = new WeakSet<Socket>();
  const refuse = (socket: Socket, head: BadHead | undefined) => {
    if (ending.has(socket)) return;
    ending.add(socket);
    const end = () => {
      if (head === undefined) socket.destroy();
      else sayLast(socket, lastAnswer(badHead(head)));
    };
    if (!turns.afterLast(socket, end)) end();
  };
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, socket) =>
    refuse(socket as Socket, unreadable(code)),
  );
  server.on('connect', (_request, socket) => refuse(socket as Socket, noProxy));
}

async function listen(server: Server, address: Address): Promise<void> {
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(address.port, address.host, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    throw new ListenError('admin', formatAddress(address), error as Error);
  }
  server.off('error', listening.reject);
}

async function close(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>();
  // This also closes the idle connections.
  server.close(() => closed.resolve());
  const cancel = afterAwaitedTime(closeMs, () => server.closeAllConnections());
  await closed.promise;
  cancel();
}

interface Answer extends Scrape {
  readonly status: number;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  known: KnownHosts,
  options: AdminListenerOptions,
): Promise<Answer> {
  const head = readHead(request);
  if (head !== undefined) return badHead(head);
  const { method = '', url = '' } = request;
  const path = url.split('?', 1)[0]!;
  const page = pages.get(path);
  const repeated = repeatedHeader(request.rawHeaders);
  if (repeated !== undefined) return plain(400, `${repeated}: ${occursTwice}`);
  if (page === undefined) return plain(404, 'not found');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return plain(405, 'method not allowed');
  }
  if (path === '/metrics' && !isKnown(request, known)) {
    const host = request.headers.host?.slice(0, 256) ?? '';
    return plain(403, `${host} is not a known name of this service; --http-hosts adds names`);
  }
  try {
    return await page(options);
  } catch (error) {
    options.onUnexpectedError(error, path);
    return plain(500, 'internal error; see the log of the service');
  }
}

/**
 * Returns true if `/metrics` may be read under this name. The figures are for callers that reach the listener, not for
 * the pages that they look at: a page reaches loopback under a name of its own (DNS rebinding). Probes may use any
 * name; their answers contain no figures.
 */
function isKnown({ headers: { host } }: IncomingMessage, known: KnownHosts): boolean {
  const name = host === undefined ? undefined : hostName(host);
  return name !== undefined && known.has(name);
}

type Page = (options: AdminListenerOptions) => Answer | Promise<Answer>;

const pages = new Map<string, Page>([
  // The process can answer, and that is all that this path reports: a restart helps against nothing else.
  ['/healthz', () => plain(200, 'ok')],
  ['/readyz', ({ readiness }) => json(readiness.ready ? 200 : 503, { phase: readiness.phase })],
  ['/metrics', async ({ metrics }) => ({ status: 200, ...(await metrics()) })],
]);

function plain(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function badHead({ status, field, description }: BadHead): Answer {
  return plain(status, `${field}: ${description}`);
}

function lastAnswer({ status, contentType, body }: Answer): LastAnswer {
  const bytes = Buffer.from(body);
  const headers = { 'content-type': contentType, 'content-length': String(bytes.length) };
  return { status, headers, body: bytes };
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body }: Answer,
  unsent: UnsentAnswer,
): void {
  response.statusCode = status;
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const bytes = Buffer.from(body);
  // Probes are answered however many bytes wait. The bytes that they leave unread count, and are ended like those of
  // all others.
  unsent.hand(bytes.length);
  unsent.sliceBegins(bytes.length);
  response.end(bytes, () => {
    unsent.sliceEnds();
    unsent.give(bytes.length);
  });
}
