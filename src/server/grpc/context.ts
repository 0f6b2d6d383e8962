/** The context of a call, of which most handlers use little: headers are made when they are asked for. */
import type { DescMethod } from '@bufbuild/protobuf';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';
import type { Metadata } from '@grpc/grpc-js';
import { headersOf } from './metadata.ts';

interface CallParts {
  readonly method: DescMethod;
  /** Returns that of the request. */
  readonly metadata: () => Metadata;
  /** Milliseconds since the Unix epoch, or infinity. */
  readonly deadline: number;
  readonly values: ContextValues;
  /** Its signal is that of the call. */
  readonly ends: AbortController;
  /** Ends the call if it is aborted. */
  readonly stop: AbortSignal;
}

/** The calls that have not ended, by the signal that stops them. */
const running = new WeakMap<AbortSignal, Set<AbortController>>();

/** Returns the calls that end when `stop` is aborted. One listener serves all of them. */
function runningUntil(stop: AbortSignal): Set<AbortController> {
  const known = running.get(stop);
  if (known !== undefined) return known;
  const calls = new Set<AbortController>();
  running.set(stop, calls);
  const end = () => {
    for (const ends of calls) ends.abort(stop.reason);
  };
  stop.addEventListener('abort', end, { once: true });
  return calls;
}

/** The context of one call. */
export class CallContext implements HandlerContext {
  readonly method: DescMethod;
  readonly protocolName = 'grpc';
  readonly requestMethod = 'POST';
  readonly values: ContextValues;
  readonly signal: AbortSignal;
  private readonly parts: CallParts;
  private ofRequest: Headers | undefined;
  private ofResponse: Headers | undefined;
  private ofTrailer: Headers | undefined;

  constructor(parts: CallParts) {
    const { method, values, ends, stop } = parts;
    this.parts = parts;
    this.method = method;
    this.values = values;
    this.signal = ends.signal;
    if (stop.aborted) ends.abort(stop.reason);
    else runningUntil(stop).add(ends);
  }

  get service() {
    return this.method.parent;
  }

  get url(): string {
    return `/${this.name}`;
  }

  get requestHeader(): Headers {
    this.ofRequest ??= headersOf(this.parts.metadata());
    return this.ofRequest;
  }

  get responseHeader(): Headers {
    this.ofResponse ??= new Headers();
    return this.ofResponse;
  }

  get responseTrailer(): Headers {
    this.ofTrailer ??= new Headers();
    return this.ofTrailer;
  }

  /** The name of the method, for the log. */
  get name(): string {
    return `${this.service.typeName}/${this.method.name}`;
  }

  /** The headers of the response; undefined if no handler has asked for them. */
  get setHeader(): Headers | undefined {
    return this.ofResponse;
  }

  /** The trailers of the response; undefined if no handler has asked for them. */
  get setTrailer(): Headers | undefined {
    return this.ofTrailer;
  }

  readonly timeoutMs = (): number | undefined => {
    const { deadline } = this.parts;
    return deadline === Number.POSITIVE_INFINITY ? undefined : deadline - Date.now();
  };

  /** Aborts the signal: the call has ended. */
  end(reason: Error): void {
    running.get(this.parts.stop)?.delete(this.parts.ends);
    this.parts.ends.abort(reason);
  }
}
