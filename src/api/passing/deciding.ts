/** The port of the guard for services that share a store with other processes. */
import type { DescMethod } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import type { Principal } from '../../domain/principal.ts';
import type { Call } from '../handlers.ts';

/** A call as it comes to the guard. */
export interface Guarded {
  readonly method: DescMethod;
  readonly context: HandlerContext;
}

/** Decides where calls are decided. */
export interface Deciding {
  /** Returns the caller of a call. Default: the guard authenticates callers. @throws Failure UNAUTHENTICATED. */
  readonly identify?: (call: Guarded) => Principal;
  /**
   * Refuses what is not offered here. Called for each call, before its handler.
   *
   * @param request undefined for a stream of requests. @throws Failure NOT_IMPLEMENTED.
   */
  requireOffered(method: DescMethod, request: unknown): void;
  /** Returns the answer to a unary call. `here` runs its handler in this process, each time that it is called. */
  decide<T>(guarded: Guarded, request: unknown, call: Call, here: () => Promise<T>): Promise<T>;
}
