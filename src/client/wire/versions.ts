import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';

/** A method, and the signal of a call of it. */
interface Called {
  readonly method: DescMethod;
  readonly signal: AbortSignal | undefined;
}

/**
 * Returns the transport with errors that name both versions, if the service lacks a method, or refuses a request as
 * malformed and is older than this client. Only after such a failure is the service asked for its version.
 *
 * @param place where the service is, for messages. Undefined: unknown.
 * @internal
 */
export function withVersions(transport: Transport, place: string | undefined): Transport {
  const explained = async (thrown: unknown, called: Called): Promise<unknown> => {
    if (!mayBeOfVersions(thrown)) return thrown;
    const { explain } = await import('./other-version.ts');
    return await explain(thrown, { ...called, transport, place });
  };
  return {
    unary: async (method, signal, ...call) => {
      try {
        return await transport.unary(method, signal, ...call);
      } catch (thrown) {
        throw await explained(thrown, { method, signal });
      }
    },
    stream: async (method, signal, ...call) => {
      const fail = async (thrown: unknown) => await explained(thrown, { method, signal });
      try {
        const answer = await transport.stream(method, signal, ...call);
        return { ...answer, message: withErrors(answer.message, fail) };
      } catch (thrown) {
        throw await fail(thrown);
      }
    },
  };
}

function mayBeOfVersions(thrown: unknown): thrown is ConnectError {
  return (
    thrown instanceof ConnectError &&
    (thrown.code === Code.Unimplemented || thrown.code === Code.InvalidArgument)
  );
}

async function* withErrors<T>(messages: AsyncIterable<T>, explained: (thrown: unknown) => Promise<unknown>) {
  try {
    yield* messages;
  } catch (thrown) {
    throw await explained(thrown);
  }
}
