/** `/mcp` of the service: the tools over a client in this process, which calls with the rights of each caller. */
import {
  type ConnectRouter,
  type ContextValues,
  createConnectRouter,
  type Transport,
} from '@connectrpc/connect';
import { createUniversalHandlerClient } from '@connectrpc/connect/protocol';
import { createTransport } from '@connectrpc/connect/protocol-connect';
import { namespaceHeader } from '../../api/transport.ts';
import { limits } from '../../domain/limits.ts';
import type { ConsentedTool } from '../../mcp/context.ts';
import type { HttpMcp } from '../../mcp/http.ts';
import type { Admit } from '../../server/admit.ts';
import type { McpEndpoint } from '../../server/http/mcp/mcp-route.ts';

interface MountOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly admit: Admit;
  readonly issuers: readonly string[];
  readonly publicUrl: string | undefined;
  readonly version: string;
  /** The tools that ask a person for consent. Default: none is offered. */
  readonly consented?: readonly ConsentedTool[];
  readonly onUnexpectedError: (error: unknown, method: string) => void;
}

/** The endpoint, and its end. */
interface Mounted extends McpEndpoint {
  /** Ends the calls under way, of which some wait for long. */
  close(): Promise<void>;
}

/** The headers of a request that its calls have too. */
const passedHeaders = ['authorization', namespaceHeader, 'traceparent', 'tracestate'];
/** No tool takes arguments as long as that. */
const bodyBytesMax = 1024 * 1024;

/** Returns the endpoint. Most services have no such callers: all of it is loaded for the first request. */
export function mountMcp(options: MountOptions): Mounted {
  const { admit, issuers, publicUrl } = options;
  let loading: Promise<Loaded> | undefined;
  return {
    admit,
    issuers,
    publicUrl,
    bodyBytesMax,
    async serve(request, values) {
      loading ??= load(options);
      const { mcp, clientFor } = await loading;
      return await mcp.answer(request, await clientFor(request.headers, values));
    },
    async close() {
      await (await loading)?.mcp.close();
    },
  };
}

interface Loaded {
  readonly mcp: HttpMcp;
  readonly clientFor: (headers: Headers, values: ContextValues) => Promise<StoreOf>;
}

type StoreOf = Parameters<HttpMcp['answer']>[1];

async function load({ routes, version, consented, onUnexpectedError }: MountOptions): Promise<Loaded> {
  const [{ openHttpMcp }, { connect }] = await Promise.all([
    import('../../mcp/http.ts'),
    import('../../client/client.ts'),
  ]);
  const transportFor = transportsOver(routes);
  const onError = (error: Error) => onUnexpectedError(error, 'MCP');
  return {
    mcp: openHttpMcp({ version, consented, messageBytesMax: bodyBytesMax, now: () => new Date(), onError }),
    clientFor: (headers, values) => connect(transportFor(headers, values)),
  };
}

/**
 * Returns transports to services in this process, for callers elsewhere: the services see the credentials of the caller
 * and where it calls from, as if it had called them itself. Without these values they would take it for a user of this
 * machine.
 */
function transportsOver(
  routes: (router: ConnectRouter) => void,
): (headers: Headers, values: ContextValues) => Transport {
  const router = createConnectRouter({ readMaxBytes: limits.messageBytesMax });
  routes(router);
  return (given, contextValues) => {
    const handlers = router.handlers.map((handler) =>
      Object.assign(
        (request: Parameters<typeof handler>[0]) => handler({ ...request, contextValues }),
        handler,
      ),
    );
    const transport = createTransport({
      httpClient: createUniversalHandlerClient(handlers),
      baseUrl: 'https://in-memory',
      useBinaryFormat: true,
      interceptors: [],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: Number.MAX_SAFE_INTEGER,
      readMaxBytes: Number.MAX_SAFE_INTEGER,
      writeMaxBytes: Number.MAX_SAFE_INTEGER,
    });
    const withPassed = (own: ConstructorParameters<typeof Headers>[0]) => {
      const headers = new Headers(own);
      for (const name of passedHeaders) {
        const value = given.get(name);
        if (value !== null) headers.set(name, value);
      }
      return headers;
    };
    return {
      unary: (method, signal, timeoutMs, header, input, context) =>
        transport.unary(method, signal, timeoutMs, withPassed(header), input, context),
      stream: (method, signal, timeoutMs, header, input, context) =>
        transport.stream(method, signal, timeoutMs, withPassed(header), input, context),
    };
  };
}
