/**
 * The services over Connect, gRPC-Web and JSON. connect-node ends a call without waiting for its handler, and would
 * send the text of any error. So it gets wrapped handlers here: the wrapper records when they end, and gives them
 * errors that callers may see.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  type HandlerContext,
  type MethodImplSpec,
} from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import { callValues } from '../call-values.ts';
import type { CallOptions } from '../grpc/calls.ts';
import { refusedVersion } from '../heads/connect-version.ts';
import { readDeadlines } from '../heads/deadlines.ts';
import { boundedRequest, refusedQuery } from '../messages/bounded-body.ts';
import { Inflation } from '../messages/inflation.ts';
import { LatestMessage } from '../messages/latest-message.ts';
import { isSendable, unexpected } from '../refusals.ts';
import { explained, explainedRequests } from './connect-errors.ts';
import type { Exchange } from './exchange.ts';
import { unacceptable } from './refusing/acceptable.ts';
import { inflated, readEncoding } from './request-encoding.ts';

/** The options for calls. A message has at most the given number of bytes. */
export interface ConnectOptions extends CallOptions {
  readonly messageBytesMax: number;
}

/** The request of a call. */
const exchangeKey = createContextKey<Exchange | undefined>(undefined, { description: 'the HTTP request' });
/** The reason why the call must not begin. The gate throws it, so that each protocol reports it in its own form. */
const refusedKey = createContextKey<ConnectError | undefined>(undefined, { description: 'a refusal' });
/** Whether the answer is the error of a handler, which passes as it is. */
const toldKey = createContextKey(false, { description: 'the error is of the handler' });

/** The message of the call that is being decoded. */
const latestKey = createContextKey<LatestMessage | undefined>(undefined, {
  description: 'the latest message',
});

/** Answers a request if its path is that of a method; returns false if it is not. */
type ConnectCalls = (exchange: Exchange) => boolean;

/** Returns the calls of the methods, over every protocol but gRPC. */
export function connectCalls(methods: readonly MethodImplSpec[], options: ConnectOptions): ConnectCalls {
  const router = createConnectRouter({
    // gRPC has a listener of its own, which is faster.
    grpc: false,
    readMaxBytes: options.messageBytesMax,
    // Requests are inflated before they come here, and answers are not compressed.
    acceptCompression: [],
    shutdownSignal: options.stop,
    requestGate: ({ values }) => {
      const refused = values.get(refusedKey);
      if (refused !== undefined) throw refused;
    },
    // A misspelt field is an error: no part of a request is ignored.
    jsonOptions: { ignoreUnknownFields: false },
    binaryOptions: { readUnknownFields: false },
  });
  for (const spec of methods) register(router, spec, options);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (exchange) => {
    const handler = handlers.get(exchange.target.path);
    if (handler === undefined) return false;
    const refused = unacceptable(handler, exchange);
    if (refused !== undefined) {
      exchange.answerError(refused);
      return true;
    }
    const { request, response, gone, unsent, received } = exchange;
    const { input: desc } = handler.method;
    exchange.isTakenByPiece = handler.method.methodKind === 'client_streaming';
    const encoding = readEncoding(exchange, options.messageBytesMax);
    const isRefused = encoding instanceof ConnectError;
    const latest = new LatestMessage(desc);
    const values = callValues(options.transport, request.socket, unsent, received)
      .set(exchangeKey, exchange)
      .set(latestKey, latest)
      .set(refusedKey, refusedHead(request.headers) ?? (isRefused ? encoding : undefined));
    const respond = async () => {
      using inflation = new Inflation({ ...options.inflation, answer: unsent, signal: gone });
      let universal = universalRequestFromNodeRequest(request, response, undefined, values);
      if (!isRefused)
        universal = await inflated(universal, encoding, handler.method, inflation, exchange).catch(
          (error) => {
            values.set(refusedKey, error);
            return universal;
          },
        );
      const { method: verb, url } = universal;
      if (verb === 'GET' && values.get(refusedKey) === undefined) {
        const query = new URL(url).searchParams;
        values.set(refusedKey, refusedVersion({}, query) ?? refusedQuery(query, desc, latest));
      }
      const answer = await handler(
        boundedRequest(universal, {
          method: handler.method,
          bytesMax: options.messageBytesMax,
          latest,
          counts: exchange,
        }),
      );
      inflation.release();
      // Proxies would otherwise keep the answers of a stream until they have enough of them.
      if (handler.method.methodKind === 'server_streaming') answer.header?.set('x-accel-buffering', 'no');
      await send(exchange, await explained(answer, { latest, isTold: () => values.get(toldKey) }));
    };
    respond().catch((error) =>
      failed(error, exchange, `${handler.service.typeName}/${handler.method.name}`, options),
    );
    return true;
  };
}

function refusedHead(headers: IncomingHttpHeaders): ConnectError | undefined {
  return readDeadlines(headers) ?? refusedVersion(headers, undefined);
}

/** Sends an answer. Each part of it is sent when the one before has gone. */
async function send(exchange: Exchange, { status, header, body }: UniversalServerResponse): Promise<void> {
  const parts = body?.[Symbol.asyncIterator]();
  try {
    // Handlers set headers before their first answer.
    let part = await parts?.next();
    exchange.hasCallEnd = status === 200;
    exchange.begin(status, Object.fromEntries(header ?? []));
    for (; parts !== undefined && part?.done === false; part = await parts.next())
      await exchange.write(part.value);
    exchange.end();
  } finally {
    void parts?.return?.()?.catch(() => undefined);
  }
}

/** Answers a request that connect-node could not answer. Most often the client has gone. */
function failed(error: unknown, exchange: Exchange, method: string, options: ConnectOptions): void {
  const { response, gone } = exchange;
  if (!gone.aborted && !isWriteError(error)) options.onUnexpectedError(error, method);
  if (response.headersSent) exchange.destroy();
  else exchange.answerError(unexpected());
}

/**
 * Whether the error is the system's for a connection that has gone. It may arrive before the connection is closed here.
 */
function isWriteError(error: unknown): boolean {
  const { code, cause } = ConnectError.from(error);
  return code === Code.Aborted || code === Code.Canceled || (cause instanceof Error && 'syscall' in cause);
}

function register(router: ConnectRouter, spec: MethodImplSpec, options: ConnectOptions): void {
  switch (spec.kind) {
    case 'unary':
      router.rpc(spec.method, (request, context) => {
        latestOf(context).forget();
        return followed(context, options, async () => spec.impl(request, context));
      });
      break;
    case 'client_streaming':
      router.rpc(spec.method, (requests, context) =>
        followed(context, options, () => spec.impl(explainedRequests(requests, latestOf(context)), context)),
      );
      break;
    case 'server_streaming':
      router.rpc(spec.method, (request, context) => {
        latestOf(context).forget();
        return followedStream(context, options, spec.impl(request, context));
      });
      break;
    case 'bidi_streaming':
      throw new Error(`${spec.method.name} streams both ways, which HTTP/1.1 does not offer`);
  }
}

function latestOf({ values }: HandlerContext): LatestMessage {
  return values.get(latestKey)!;
}

/** Counts the handler until it has settled, even if its caller has gone. */
function follow(context: HandlerContext, options: ConnectOptions, work: Promise<void>): void {
  if (context.values.get(exchangeKey)?.stayOpenFor(work) !== true) options.calls.track(work);
}

async function followed<T>(
  context: HandlerContext,
  options: ConnectOptions,
  handle: () => Promise<T>,
): Promise<T> {
  const handling = handle();
  const ignore = () => {};
  follow(context, options, handling.then(ignore, ignore));
  try {
    return await handling;
  } catch (error) {
    throw told(error, context, options);
  }
}

/**
 * Returns the stream with an account of its end. The signal, which is aborted at the end of every call, closes a stream
 * that no reader continues.
 */
function followedStream<T>(
  context: HandlerContext,
  options: ConnectOptions,
  responses: AsyncIterable<T>,
): AsyncIterable<T> {
  const iterator = responses[Symbol.asyncIterator]();
  const ended = Promise.withResolvers<void>();
  follow(context, options, ended.promise);
  const close = () => {
    const closing = iterator.return?.() ?? Promise.resolve();
    void closing.then(
      () => ended.resolve(),
      () => ended.resolve(),
    );
  };
  if (context.signal.aborted) close();
  else context.signal.addEventListener('abort', close, { once: true });
  const next = async () => {
    try {
      return await iterator.next();
    } catch (error) {
      throw told(error, context, options);
    }
  };
  const end = async (): Promise<IteratorResult<T>> => {
    close();
    await ended.promise;
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}

/** Returns the error that the caller may get. */
function told(error: unknown, context: HandlerContext, options: ConnectOptions): ConnectError {
  const { service, method, values } = context;
  values.set(toldKey, true);
  if (isSendable(error)) return error;
  options.onUnexpectedError(error, `${service.typeName}/${method.name}`);
  return unexpected();
}
