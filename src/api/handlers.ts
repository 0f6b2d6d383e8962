/** The form of the operations of a service: without headers, codes or transports. The guard makes them RPCs. */
import type {
  DescMessage,
  DescMethod,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Principal } from '../domain/principal.ts';
import type { After } from './timer.ts';

/** The data of a call for its handler. */
export interface Call {
  readonly principal: Principal;
  /** Aborted when the caller has gone, the deadline has passed or the service is forced to stop. */
  readonly signal: AbortSignal;
  /** The timer for the handler's own time limits. */
  readonly after: After;
  /** Milliseconds until the signal is aborted by the deadline; Infinity for streams. */
  readonly remainingMs: () => number;
  /** The number of received bytes of the request, before decompression; undefined within the process. */
  readonly receivedBytes: () => number | undefined;
  /** Returns true if the caller could not be expected to send in this time, in milliseconds since the last question. */
  readonly isExcused: (ms: number) => boolean;
  /** Notes that the caller gets the content elsewhere, for the log and the metrics. */
  readonly noteRedirect: () => void;
}

type Unary<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: Call,
) => Promise<MessageInitShape<O>>;
type ClientStreaming<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageShape<I>>,
  call: Call,
) => Promise<MessageInitShape<O>>;
type ServerStreaming<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: Call,
) => AsyncIterable<MessageInitShape<O>>;

type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? Unary<I, O>
    : M extends DescMethodClientStreaming<infer I, infer O>
      ? ClientStreaming<I, O>
      : M extends DescMethodServerStreaming<infer I, infer O>
        ? ServerStreaming<I, O>
        : never;

/** The implemented methods of a service. The others fail with NOT_IMPLEMENTED. */
export type Handlers<S extends DescService> = { [P in keyof S['method']]?: Handler<S['method'][P]> };

/**
 * Returns the handlers of a service for the call that begins. The store may have been exchanged since the call before.
 *
 * @param method the method that is called, for example `getArtifact`.
 * @throws Failure STORE_IN_RECOVERY, SHUTTING_DOWN if the method needs the store, and no store is open.
 */
export type FindHandlers<S extends DescService> = (method: keyof S['method']) => Handlers<S>;

/**
 * Returns a function for the value that `make` makes of the present thing. It makes the value again only when another
 * thing is present.
 */
export function madeOf<T extends object, V>(present: () => T, make: (of: T) => V): () => V {
  let last: { readonly of: T; readonly value: V } | undefined;
  return () => {
    const of = present();
    if (last?.of !== of) last = { of, value: make(of) };
    return last.value;
  };
}
