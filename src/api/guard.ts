/**
 * The guard, which every call passes on every transport. It finds out who calls, whether the caller may, how long the
 * call may take, and what the caller may know about a failure, and it writes one line to the log. It wraps the service
 * implementations themselves, since interceptors do not run on all transports.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { ContextValues, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { Failure, type Reason } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { type Principal, payerOf } from '../domain/principal.ts';
import { type Authenticate, withoutAuthentication } from '../identity/authentication.ts';
import { stalledReader, toConnectError, unforeseen } from './errors.ts';
import type { Call, FindHandlers } from './handlers.ts';
import { type Need, needOf, requireNeeded } from './needs.ts';
import type { Deciding } from './passing/deciding.ts';
import { excuseKey } from './receiving/client-stream.ts';
import { answerBytesMax, type Room, roomFor } from './sending/answer-bytes.ts';
import { abortFailure, asFailure, deadlinePassed, isTold, unexplained } from './sending/thrown.ts';
import { answerKey } from './sending/unsent-answer.ts';
import { type After, afterRealTime, limitedSignal, unlessAborted } from './timer.ts';
import { endKey, knownCallerKey, presentedBy, type TransportKind, transportKey } from './transport.ts';

/** The data of a call when it begins. */
interface CallStart {
  /** `artifacta.v1.ArtifactService/GetArtifact` */
  readonly method: string;
  readonly transport: TransportKind;
  /** `grpc`, `grpc-web` or `connect`. */
  readonly protocol: string;
  /** The headers of the request. They contain the proof of the caller's identity. */
  readonly headers: Headers;
}

/** The trace of one call and of the work that it causes. */
interface CallTrace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Runs a part of the call so that the work that it causes belongs to the trace. */
  run<T>(work: () => T): T;
  /** Called once. */
  end(outcome: CallRecord['outcome']): void;
}

/** The data of a call when it has ended. */
export interface CallRecord {
  /** As in {@link CallStart}. */
  readonly method: string;
  readonly transport: TransportKind;
  readonly namespace: string;
  readonly subject: string;
  /** `OK` or the reason of the failure. */
  readonly outcome: 'OK' | Reason;
  readonly durationMs: number;
  /** The id of the call's trace, if it has one. */
  readonly traceId?: string;
  /** An error for the log that the caller did not get: a bug, damage. */
  readonly error?: unknown;
  /** True: the caller was sent to the place of the content. */
  readonly redirected?: true;
}

/** The receivers of the guard's reports, and its sources of time and identity. */
export interface GuardOptions {
  /** Called once for each call, when it begins. One `onCall` follows each. Default: calls are not traced. */
  readonly onStart?: (start: CallStart) => CallTrace | undefined;
  /** Called once for each call, when it has ended. */
  readonly onCall: (record: CallRecord) => void;
  /** Milliseconds, from any origin; for durations only. */
  readonly elapsed: () => number;
  /** Default: callers have no credentials, and tokens are refused. */
  readonly authenticate?: Authenticate | undefined;
  /** Default: real time. */
  readonly after?: After | undefined;
  /** Decides where calls are decided. Default: in this process. */
  readonly deciding?: Deciding | undefined;
}

/**
 * Returns the implementation of every method of a service: the handlers that `find` returns when a call begins, and a
 * refusal NOT_IMPLEMENTED for the others.
 */
export function guard<S extends DescService>(
  service: S,
  find: FindHandlers<S>,
  options: GuardOptions,
): ServiceImpl<S> {
  const guarded: Record<string, unknown> = {};
  for (const method of service.methods) {
    const handlerNow = () => {
      const handlers = find(method.localName) as Record<string, AnyHandler | undefined>;
      const handler = handlers[method.localName];
      if (handler === undefined) throw notImplemented(method);
      return handler;
    };
    guarded[method.localName] =
      method.methodKind === 'server_streaming'
        ? guardStream(method, handlerNow, options)
        : guardSingle(method, handlerNow, options);
  }
  return guarded as ServiceImpl<S>;
}

// The compiler checked the types of requests and answers where the handlers are written.
type AnyHandler = (request: unknown, call: Call) => unknown;

function guardSingle(method: DescMethod, handlerNow: () => AnyHandler, options: GuardOptions) {
  const isUnary = method.methodKind === 'unary';
  const { deciding } = options;
  return async (request: unknown, context: HandlerContext): Promise<unknown> => {
    const watch = new Watch(method, context, options);
    try {
      const call = await watch.admit(context);
      deciding?.requireOffered(method, isUnary ? request : undefined);
      const handler = handlerNow();
      const room = isUnary && context.values.get(answerKey)?.room(answerBytesMax(method), call.signal);
      if (room) await room;
      const work = Promise.resolve(
        deciding === undefined || !isUnary
          ? watch.run(() => handler(request, call))
          : watch.run(() =>
              deciding.decide({ method, context }, request, call, async () => handler(request, call)),
            ),
      );
      const answer = await (isUnary ? unlessAborted(call.signal, work) : work);
      watch.end('OK');
      return answer;
    } catch (error) {
      throw watch.fail(error, context.signal);
    } finally {
      watch.clear();
    }
  };
}

function guardStream(method: DescMethod, handlerNow: () => AnyHandler, options: GuardOptions) {
  return async function* (request: unknown, context: HandlerContext): AsyncGenerator<unknown> {
    const watch = new Watch(method, context, options);
    try {
      const call = await watch.admit(context);
      options.deciding?.requireOffered(method, request);
      const handler = handlerNow();
      const answers = watch.follow(handler(request, call) as AsyncIterable<unknown>);
      // Not every transport continues to read answers after its caller has gone. Open resources must be closed all the
      // same.
      const onAbort = () => {
        void answers.return?.()?.catch(() => undefined);
        watch.end(abortFailure(context.signal).reason);
      };
      context.signal.addEventListener('abort', onAbort, { once: true });
      yield* taken(answers, call.after, roomFor(method, context));
      context.signal.throwIfAborted();
      watch.end('OK');
    } catch (error) {
      throw watch.fail(error, context.signal);
    } finally {
      watch.end('CANCELLED');
    }
  };
}

/** Yields the answers that the caller takes. If the caller stops taking them, the source is closed. */
async function* taken(answers: AsyncIterator<unknown>, after: After, room: Room): AsyncGenerator<unknown> {
  let isStalled = false;
  try {
    for (;;) {
      await room.before();
      const next = await answers.next();
      if (isStalled) throw stalledReader(limits.stalledReaderSecondsMax);
      if (next.done === true) return room.end();
      await room.after();
      const cancel = after(limits.stalledReaderSecondsMax * 1000, () => {
        isStalled = true;
        void answers.return?.()?.catch(() => undefined);
      });
      try {
        yield next.value;
      } finally {
        cancel();
      }
    }
  } finally {
    await answers.return?.();
  }
}

/**
 * Admits a caller that may call at all, for offers of a server in addition to the services. @param need the right that
 * the caller needs for the offer.
 *
 * @throws ConnectError
 */
export async function admitWith(
  authenticate: Authenticate,
  requestHeader: Headers,
  values: ContextValues,
  need: Need = 'anybody',
): Promise<void> {
  try {
    requireNeeded(await authenticate(presentedBy({ requestHeader, values })), need);
  } catch (error) {
    throw toConnectError(error instanceof Failure ? error : unforeseen());
  }
}

/** Follows one call to its end. */
class Watch {
  private readonly desc: DescMethod;
  private readonly method: string;
  private readonly transport: TransportKind;
  private readonly options: GuardOptions;
  private readonly startedMs: number;
  private readonly need: Need;
  private readonly isUnary: boolean;
  private readonly trace: CallTrace | undefined;
  private principal: Principal | undefined;
  private clearing: (() => void) | undefined;
  private ended = false;
  private isRedirected = false;

  constructor(method: DescMethod, context: HandlerContext, options: GuardOptions) {
    this.desc = method;
    this.method = `${method.parent.typeName}/${method.name}`;
    this.need = needOf(method);
    this.isUnary = method.methodKind === 'unary';
    this.transport = context.values.get(transportKey);
    this.options = options;
    this.startedMs = options.elapsed();
    this.trace = options.onStart?.({
      method: this.method,
      transport: this.transport,
      protocol: context.protocolName,
      get headers() {
        return context.requestHeader;
      },
    });
  }

  /** Runs the handler, within the call's trace if it has one. */
  run<T>(work: () => T): T {
    return this.trace === undefined ? work() : this.trace.run(work);
  }

  /** Returns the answers of a stream. Each is made within the call's trace. */
  follow(answers: AsyncIterable<unknown>): AsyncIterator<unknown> {
    const iterator = answers[Symbol.asyncIterator]();
    const { trace } = this;
    if (trace === undefined) return iterator;
    return {
      next: () => trace.run(() => iterator.next()),
      return: () =>
        trace.run(() => iterator.return?.() ?? Promise.resolve({ done: true as const, value: undefined })),
    };
  }

  /** Admits the caller, or throws. {@link clear} must be called at the end. */
  async admit(context: HandlerContext): Promise<Call> {
    const { after = afterRealTime } = this.options;
    const principal = await this.callerOf(context);
    this.principal = principal;
    const answer = context.values.get(answerKey);
    answer?.chargeTo(payerOf(principal));
    requireNeeded(principal, this.need);
    const ms = this.allowedMs(context);
    const { elapsed } = this.options;
    const endsAtMs = this.startedMs + ms;
    return {
      principal,
      signal: this.limited(context, ms, after),
      after,
      remainingMs: () => endsAtMs - elapsed(),
      receivedBytes: () => answer?.receivedBytes,
      isExcused: context.values.get(excuseKey),
      noteRedirect: () => {
        this.isRedirected = true;
      },
    };
  }

  private async callerOf(context: HandlerContext): Promise<Principal> {
    const { authenticate = withoutAuthentication, deciding } = this.options;
    if (deciding?.identify !== undefined) return deciding.identify({ method: this.desc, context });
    return context.values.get(knownCallerKey) ?? (await authenticate(presentedBy(context)));
  }

  /**
   * Streams take as long as their bytes, and AcceptLoss as long as the copy of an index. Every other call has a limit.
   */
  private allowedMs(context: HandlerContext): number {
    if (!this.isUnary || this.method.endsWith('/AcceptLoss')) return Number.POSITIVE_INFINITY;
    return Math.min(
      context.timeoutMs() ?? limits.deadlineSecondsDefault * 1000,
      limits.deadlineSecondsMax * 1000,
    );
  }

  private limited(context: HandlerContext, ms: number, after: After): AbortSignal {
    if (ms === Number.POSITIVE_INFINITY) return context.signal;
    const end = context.values.get(endKey);
    const { signal, clear } = limitedSignal(context.signal, ms, after, deadlinePassed, end);
    this.clearing = clear;
    return signal;
  }

  /** Cancels the timers of the call. */
  clear(): void {
    this.clearing?.();
    this.clearing = undefined;
  }

  /** Records the end of the call. Only the first end counts. */
  end(outcome: CallRecord['outcome'], error?: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.trace?.end(outcome);
    this.options.onCall({
      method: this.method,
      transport: this.transport,
      namespace: this.principal?.namespace ?? '',
      subject: this.principal?.subject ?? '',
      outcome,
      durationMs: this.options.elapsed() - this.startedMs,
      ...(this.trace === undefined ? {} : { traceId: this.trace.traceId }),
      ...(error === undefined ? {} : { error }),
      ...(this.isRedirected ? { redirected: true } : {}),
    });
  }

  /** Records a failure and returns the error that the caller may get. */
  fail(error: unknown, signal: AbortSignal): Error {
    const failure = asFailure(error, signal);
    this.end(failure.reason, unexplained(error, failure));
    return isTold(error) ? error : toConnectError(failure);
  }
}

/** Returns the failure of a method without a handler: most of AdminService if the routes have no host. */
function notImplemented(method: DescMethod): Failure {
  return new Failure('NOT_IMPLEMENTED', `this service does not offer ${method.name}`, {
    metadata: { method: `${method.parent.typeName}/${method.name}` },
  });
}
