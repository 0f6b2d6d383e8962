/** The services in this process, for a client. */
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createRouterTransport,
  type Transport,
} from '@connectrpc/connect';
import { limits } from '../domain/limits.ts';

/**
 * Returns the way to services in this process. A client may fail while it sends, e.g. if a file changes while it is
 * read. The service then sees a call that was given up, as over a connection, and the client sees its own error.
 */
export function inProcess(routes: (router: ConnectRouter) => void): Transport {
  const transport = createRouterTransport(routes, { router: { readMaxBytes: limits.messageBytesMax } });
  return {
    unary: transport.unary.bind(transport),
    async stream(method, signal, timeoutMs, header, input, context) {
      let failure: { readonly error: unknown } | undefined;
      const own = (thrown: unknown) => (failure === undefined ? thrown : failure.error);
      async function* sent() {
        try {
          yield* input;
        } catch (error) {
          failure = { error };
          throw new ConnectError('the call was cancelled', Code.Canceled);
        }
      }
      try {
        const answer = await transport.stream(method, signal, timeoutMs, header, sent(), context);
        return { ...answer, message: withOwnErrors(answer.message, own) };
      } catch (thrown) {
        throw own(thrown);
      }
    },
  };
}

async function* withOwnErrors<T>(messages: AsyncIterable<T>, own: (thrown: unknown) => unknown) {
  try {
    yield* messages;
  } catch (thrown) {
    throw own(thrown);
  }
}
