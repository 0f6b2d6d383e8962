/** The MCP server over Streamable HTTP: each request has a server of its own, and nothing is kept between them. */
import './without-jit.ts';
import { createMcpHandler } from '@modelcontextprotocol/server';
import type { Store } from '../client/store.ts';
import type { ConsentedTool } from './context.ts';
import { makeServer } from './server.ts';

/** Of clients that wait for changes of what the server offers, which never come. */
const subscriptionsMax = 64;

interface HttpOptions {
  readonly version: string;
  /** The tools that ask a person for consent. Default: none is offered. */
  readonly consented?: readonly ConsentedTool[] | undefined;
  /** The longest message of a client, in bytes. */
  readonly messageBytesMax: number;
  readonly now: () => Date;
  /** Called with faults that no client gets. */
  readonly onError: (error: Error) => void;
}

/** Answers requests of MCP. */
export interface HttpMcp {
  /** @param store the client of the caller: all that is done is done with the caller's rights. */
  answer(request: Request, store: Store): Promise<Response>;
  /** Ends the calls under way, of which some wait for long. */
  close(): Promise<void>;
}

/** Returns the server for any number of callers. */
export function openHttpMcp({ version, consented, messageBytesMax, now, onError }: HttpOptions): HttpMcp {
  const stopping = new AbortController();
  const handler = createMcpHandler(
    ({ authInfo }) => {
      const store = authInfo!.extra!.store as Store;
      return makeServer({ store: async () => store, stopping: stopping.signal, version, consented, now });
    },
    { maxSubscriptions: subscriptionsMax, maxRequestBodySize: messageBytesMax, onerror: onError },
  );
  return {
    // The caller has been authenticated, and the client has the credentials: nothing here reads the token.
    answer: (request, store) =>
      handler.fetch(request, { authInfo: { token: '', clientId: '', scopes: [], extra: { store } } }),
    async close() {
      stopping.abort();
      await handler.close();
    },
  };
}
