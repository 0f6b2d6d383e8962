/** Calls of the services' methods from plain HTTP routes: the same handlers, behind the same guard. */
import type { DescMethod } from '@bufbuild/protobuf';
import { createHandlerContext, type MethodImpl, type MethodImplSpec } from '@connectrpc/connect';
import { type Caller, knownCallerKey } from '../../api/transport.ts';
import { callValues } from '../call-values.ts';
import type { CallOptions } from '../grpc/calls.ts';
import { refusal } from '../refusals.ts';
import type { Exchange } from './exchange.ts';

/** The context of a call, which must end with the call. */
type CallContext = ReturnType<typeof createHandlerContext>;

/** Makes calls for requests that are not calls of a protocol. */
export class PlainCalls {
  private readonly methods: readonly MethodImplSpec[];
  private readonly options: CallOptions;

  /** The caller whose calls these are, and the path that stands for those of its requests. */
  private readonly known: { readonly caller: Caller; readonly path: string } | undefined;

  constructor(
    methods: readonly MethodImplSpec[],
    options: CallOptions,
    known?: { readonly caller: Caller; readonly path: string },
  ) {
    this.methods = methods;
    this.options = options;
    this.known = known;
  }

  /**
   * Returns the calls of a caller that the server knows already: credentials in the request do not count.
   *
   * @param path the path that handlers see, since that of the request is a secret.
   */
  as(caller: Caller, path: string): PlainCalls {
    return new PlainCalls(this.methods, this.options, { caller, path });
  }

  /**
   * Runs `use` with the implementation of a method and a context. The signal of the context is aborted when the client
   * has gone, the service is forced to stop, or `use` has settled.
   *
   * @throws ConnectError NOT_IMPLEMENTED if no service has the method.
   */
  async call<M extends DescMethod, T>(
    exchange: Exchange,
    method: M,
    use: (implementation: MethodImpl<M>, context: CallContext) => Promise<T>,
  ): Promise<T> {
    const spec = this.methods.find((candidate) => candidate.method === method);
    if (spec === undefined)
      throw refusal('NOT_IMPLEMENTED', `${method.name} is not offered on this HTTP listener`);
    const context = createHandlerContext({
      service: method.parent,
      method,
      protocolName: 'http',
      requestMethod: exchange.request.method ?? '',
      url: this.known?.path ?? exchange.target.path,
      requestHeader: exchange.headers(),
      requestSignal: exchange.gone,
      shutdownSignal: this.options.stop,
      contextValues: callValues(
        this.options.transport,
        exchange.request.socket,
        exchange.unsent,
        exchange.received,
      ).set(knownCallerKey, this.known?.caller),
    });
    try {
      return await use(spec.impl as unknown as MethodImpl<M>, context);
    } finally {
      context.abort(ended);
    }
  }
}

/** The reason of a signal that is aborted because its call has ended. */
const ended = new Error('the call has ended');
