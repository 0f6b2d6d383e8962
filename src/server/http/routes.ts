/** The plain HTTP routes: which exist, and the answer if none matches. */
import type { ConnectError } from '@connectrpc/connect';
import type { OpenShared } from '../../api/shared.ts';
import type { TakeTicket } from '../../api/tickets/use.ts';
import type { CallOptions } from '../grpc/calls.ts';
import { isSendable, refusal, unexpected } from '../refusals.ts';
import type { ConsoleFiles } from './console/files.ts';
import { getMetrics, type OperatorMetrics } from './console/metrics.ts';
import type { PreviewOrigin } from './console/preview-origin.ts';
import { assets, getConsole, screens } from './console/route.ts';
import { getContent } from './content-route.ts';
import { HttpError, notAllowed } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { getLatest } from './latest-route.ts';
import { describeMcp, type McpEndpoint, mcpPath, resourceMetadataPath, serveMcp } from './mcp/mcp-route.ts';
import type { PlainCalls } from './plain-calls.ts';
import { putArtifact } from './put-route.ts';
import { decodeText } from './request-target.ts';
import { getShared } from './shared-route.ts';
import { useTicket } from './ticket-route.ts';

/** The targets of the routes. */
interface Served {
  readonly calls: PlainCalls;
  /** Undefined: links open nothing here. */
  readonly shared: OpenShared | undefined;
  /** Undefined: tickets are good for nothing here. */
  readonly tickets: TakeTicket | undefined;
  /** Undefined: MCP is not served here. */
  readonly mcp: McpEndpoint | undefined;
  readonly scheme: 'http' | 'https';
  /** Undefined: no web console is served. */
  readonly webConsole: ConsoleFiles | undefined;
  /** Undefined: no figures are served here. */
  readonly metrics: OperatorMetrics | undefined;
  /** Undefined: previews are served where everything else is. */
  readonly previews: PreviewOrigin | undefined;
}

interface Route {
  /** Matches the path as it was sent: the route decodes the groups. */
  readonly pattern: RegExp;
  readonly methods: readonly string[];
  readonly handle: (exchange: Exchange, groups: readonly string[], served: Served) => Promise<void>;
}

const routes: readonly Route[] = [
  {
    pattern: /^\/v1\/sessions\/([^/]*)\/artifacts\/(.*)$/s,
    methods: ['GET', 'HEAD', 'PUT'],
    handle: (exchange, [session = '', name = ''], { calls }) => {
      const path = { session, name };
      return exchange.request.method === 'PUT'
        ? putArtifact(exchange, path, calls)
        : getLatest(exchange, path, calls);
    },
  },
  {
    pattern: /^\/v1\/artifacts\/([^/]*)\/content$/,
    methods: ['GET', 'HEAD'],
    handle: (exchange, [id = ''], { calls }) =>
      getContent(exchange, { case: 'id', value: decodeText('id', id) }, calls),
  },
  {
    pattern: /^\/s\/([^/]*)$/,
    methods: ['GET', 'HEAD'],
    handle: (exchange, [token = ''], { shared }) => getShared(exchange, token, shared),
  },
  {
    pattern: /^\/t\/([^/]*)$/,
    methods: ['GET', 'HEAD', 'PUT'],
    handle: (exchange, [token = ''], { tickets, calls, previews }) =>
      useTicket(exchange, token, { take: tickets, anyCalls: calls, framedBy: previews?.shownBy ?? "'self'" }),
  },
  {
    pattern: new RegExp(`^${mcpPath}$`),
    methods: ['POST', 'GET', 'DELETE'],
    handle: (exchange, _groups, { mcp, scheme }) => serveMcp(exchange, mcp, { transport: 'network', scheme }),
  },
  {
    pattern: new RegExp(`^${resourceMetadataPath.replaceAll('.', '\\.')}(?:${mcpPath})?$`),
    methods: ['GET', 'HEAD'],
    handle: (exchange, _groups, { mcp, scheme }) => describeMcp(exchange, mcp, scheme),
  },
  {
    pattern: /^\/metrics$/,
    methods: ['GET', 'HEAD'],
    handle: (exchange, _groups, { metrics }) => getMetrics(exchange, metrics),
  },
  {
    pattern: screens,
    methods: ['GET', 'HEAD'],
    handle: (exchange, _groups, { webConsole, previews }) =>
      getConsole(exchange, undefined, { files: webConsole, previewOrigin: previews?.origin }),
  },
  {
    pattern: assets,
    methods: ['GET', 'HEAD'],
    handle: (exchange, [name = ''], { webConsole, previews }) =>
      getConsole(exchange, name, { files: webConsole, previewOrigin: previews?.origin }),
  },
];

/** Answers any request. Does not reject. */
export async function answerPlainly(
  exchange: Exchange,
  served: Served,
  { onUnexpectedError }: Pick<CallOptions, 'onUnexpectedError'>,
): Promise<void> {
  const { request, response, target } = exchange;
  try {
    const route = routes.find(({ pattern }) => pattern.test(target.path));
    if (route === undefined)
      throw new HttpError(404, refusal('NOT_IMPLEMENTED', 'nothing exists at this path'));
    if (!route.methods.includes(request.method ?? '')) throw notAllowed(route.methods);
    await route.handle(exchange, route.pattern.exec(target.path)!.slice(1), served);
  } catch (error) {
    // A client that has gone gets no answer, and an error because of its going needs no report.
    if (exchange.gone.aborted) return;
    const told = tellable(error);
    if (told === undefined) onUnexpectedError(error, `${request.method} ${routeName(target.path)}`);
    if (!response.headersSent) exchange.answerError(told ?? unexpected());
  }
}

/** Returns the error if its caller may see it. */
function tellable(error: unknown): ConnectError | HttpError | undefined {
  return error instanceof HttpError || isSendable(error) ? error : undefined;
}

/** Returns the route for the log: a path can contain data that does not belong there. */
function routeName(path: string): string {
  if (path.startsWith('/s/')) return '/s/{token}';
  if (path.startsWith('/t/')) return '/t/{token}';
  if (path === mcpPath || path.startsWith(resourceMetadataPath)) return mcpPath;
  if (assets.test(path)) return '/console/{name}';
  if (screens.test(path)) return '/';
  if (path === '/metrics') return path;
  return path.startsWith('/v1/sessions/')
    ? '/v1/sessions/{session}/artifacts/{name}'
    : '/v1/artifacts/{id}/content';
}
