/**
 * The connections of the HTTP listener: the answers to connections that break the protocol, and the end of all
 * connections.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { closeSoon, sayLast } from '../farewell.ts';
import { type BadHead, isOfHttp2, noProxy, unreadable } from '../heads/request-heads.ts';
import type { Turns } from '../turns.ts';
import { badHead, errorAnswer, wholeAnswer } from './errors.ts';
import type { Exchange } from './exchange.ts';

/** A server of HTTP/1.1 in clear, or of HTTP/1.1 and HTTP/2 over TLS. */
export type NodeServer = Server | Http2SecureServer;

type Answered = Pick<Exchange, 'request' | 'response' | 'isAnswered'>;

/** The connections of a server, from their beginning to their end. */
export class Connections {
  private readonly server: NodeServer;
  private readonly turns: Turns;
  private readonly sockets = new Set<Socket>();
  /** The connections without a request so far. Node counts them as busy. */
  private readonly silent = new Set<Socket>();
  private readonly sessions = new Set<ServerHttp2Session>();
  /** The answer that is under way on each HTTP/1.1 connection, or will be next: the latest whose turn has come. */
  private readonly answered = new WeakMap<Socket, Answered>();
  /** The requests of HTTP/1.1 that are not answered yet. */
  private readonly open = new Set<Exchange>();
  /** The connections that have got the reason why they end. */
  private readonly ending = new WeakSet<Socket>();
  private closed: Promise<void> | undefined;

  constructor(server: NodeServer, turns: Turns) {
    this.server = server;
    this.turns = turns;
    const isSecure = 'setSecureContext' in server;
    server.on('connection', (socket: Socket) => {
      keep(this.sockets, socket);
      if (!isSecure) keep(this.silent, socket);
    });
    // A client that speaks HTTP/2 has a session, which can be asked to end.
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol !== 'h2') keep(this.silent, socket);
    });
    server.on('session', (session: ServerHttp2Session) => keep(this.sessions, session));
    server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, socket: Socket) =>
      this.refuse(socket, unreadable(code)),
    );
    (server as Server).on('connect', (request: IncomingMessage, socket: Socket | ServerResponse) => {
      if (isOfHttp2(request)) answerHead(socket as ServerResponse, noProxy);
      else this.refuse(socket as Socket, noProxy);
    });
  }

  get isClosing(): boolean {
    return this.closed !== undefined;
  }

  /** Takes a new request of HTTP/1.1, which may have to wait before it is served. */
  hear(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.silent.delete(socket);
    if (this.answered.get(socket)?.response.writableFinished ?? true)
      this.answered.set(socket, { request, response, isAnswered: false });
  }

  serve(exchange: Exchange): void {
    if (exchange.isHttp2) return;
    this.answered.set(exchange.request.socket, exchange);
    this.open.add(exchange);
    if (this.isClosing) exchange.hurry();
    void exchange.settled.then(() => {
      this.open.delete(exchange);
      if (this.isClosing) this.closeIdle();
    });
  }

  /** Takes no more requests. Resolves when all connections have ended; idle connections end at once. */
  shutDown(): Promise<void> {
    this.closed ??= new Promise((resolve) => {
      this.server.close(() => resolve());
      for (const session of this.sessions) session.close();
      for (const socket of this.silent) socket.destroy();
      // Otherwise clients that use a connection again would do so while it is being closed.
      for (const exchange of this.open) {
        exchange.hurry();
        if (!exchange.response.headersSent) exchange.response.setHeader('connection', 'close');
      }
      this.closeIdle();
    });
    return this.closed;
  }

  /** Breaks off the requests under way. */
  destroy(): void {
    void this.shutDown();
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
  }

  private closeIdle(): void {
    if ('closeIdleConnections' in this.server) this.server.closeIdleConnections();
  }

  /**
   * Refuses bytes that follow whole requests. The requests are not affected: they are answered before the connection is
   * closed.
   */
  private refuse(socket: Socket, head: BadHead | undefined): void {
    if (this.ending.has(socket)) return;
    const { request, response, isAnswered } = this.answered.get(socket) ?? {};
    const isOpen = request?.complete === true && response?.writableFinished === false;
    if (isOpen && this.turns.afterLast(socket, () => this.end(socket, head, true))) return;
    const isOver = response === undefined || response.writableFinished;
    if (response?.headersSent !== true || isOver) this.end(socket, head, isOver);
    else if (isAnswered === true) closeSoon(socket);
    else socket.destroy();
  }

  /** Ends a connection. @param isOver whether no answer is under way on it any more. */
  private end(socket: Socket, head: BadHead | undefined, isOver: boolean): void {
    this.ending.add(socket);
    if (head !== undefined && isOver) {
      sayLast(socket, errorAnswer(badHead(head)));
      return;
    }
    // The handler of the request must not write after it.
    if (head !== undefined && socket.writable) socket.write(wholeAnswer(badHead(head)));
    socket.destroy();
  }
}

function answerHead(response: ServerResponse, head: BadHead): void {
  const { status, headers, body } = errorAnswer(badHead(head));
  response.writeHead(status, headers);
  response.end(body);
}

function keep<T extends Socket | ServerHttp2Session>(set: Set<T>, member: T): void {
  set.add(member);
  (member as Socket).once('close', () => set.delete(member));
}
