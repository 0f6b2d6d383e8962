/** The listeners of the service: all that is served, where, and to whom. */
import { authenticationOver } from '../../api/credentials.ts';
import { admitWith } from '../../api/guard.ts';
import type { ReceivedBytes } from '../../api/receiving/received-bytes.ts';
import type { UnsentBytes } from '../../api/sending/unsent-bytes.ts';
import { sharedContents } from '../../api/shared.ts';
import { ticketUses } from '../../api/tickets/use.ts';
import { parseAddress, reachableUrl } from '../../domain/address.ts';
import { limits } from '../../domain/limits.ts';
import type { AuthenticationOptions } from '../../identity/authentication.ts';
import type { Admit } from '../../server/admit.ts';
import type { Readiness } from '../../server/readiness.ts';
import { type RunningServer, startServer } from '../../server/server.ts';
import type { Tls } from '../../server/tls.ts';
import type { ServeConfig } from '../../settings/config-shapes.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { sealsOver } from '../contents/shipping.ts';
import type { Embedded } from '../data-directory.ts';
import { mountMcp } from './mcp-mount.ts';
import { type Replicas, routesOver } from './replicas.ts';

/** The means of authentication from outside. */
export type Outside = Pick<AuthenticationOptions, 'verifyJwt' | 'identify' | 'proxy'> & {
  /** The issuers of JWTs that are accepted. */
  readonly issuers?: readonly string[];
};

/** The parts of the service that its listeners need. */
export interface ListenerParts {
  readonly embedded: Embedded;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly unsent: UnsentBytes;
  readonly received: ReceivedBytes;
  readonly tls: Tls | undefined;
  readonly outside: Outside;
  readonly version: string;
  /** The files of the web console. Undefined: it is not served. */
  readonly consoleDir: string | undefined;
  /** The part that shares the store with other processes. Undefined: this process has the store for itself. */
  readonly replicas: Replicas | undefined;
}

const elapsed = () => performance.now();

/** Opens the listeners. @throws Error if one of them cannot listen. */
export async function openListeners(
  config: ServeConfig,
  { embedded, telemetry, tls, outside, version, consoleDir, replicas, ...counted }: ListenerParts,
): Promise<RunningServer> {
  const { host, exportPlace, exports } = embedded;
  const { publicUrl, previewOrigin, redirects, directUploads, mcpConsented: consented } = config;
  const { issuers = [], ...means } = outside;
  const { authenticate, takeTicket } = authenticationOver(() => host.store, {
    ...means,
    isRequired: config.auth,
    elapsed,
  });
  const told = { onCall: telemetry.onCall, elapsed };
  let server: RunningServer | undefined;
  const localUrl = () => {
    const address = parseAddress(server?.addresses.http ?? '');
    return address && reachableUrl(tls === undefined ? 'http' : 'https', address);
  };
  const served = {
    publicUrl,
    previewOrigin,
    localUrl,
    hasConsole: consoleDir !== undefined,
    store: () => host.store,
    host,
    exportPlace,
    exports,
    shipping: sealsOver(embedded, config.shipsSeals),
    version,
    redirects,
    directUploads,
    settings: { artifactBytesMax: config.artifactBytesMax, isAuthenticationRequired: config.auth },
    onStart: telemetry.onStart,
    ...told,
    authenticate,
  };
  const { routes: all, ...toReplicas } = routesOver(served, () => host.store, config, replicas);
  const onUnexpectedError = reporterTo(telemetry);
  const admit: Admit = (header, values) => admitWith(authenticate, header, values);
  const onlyOperators: Admit = (header, values) => admitWith(authenticate, header, values, 'operator');
  const mcp = mountMcp({ routes: all, admit, issuers, publicUrl, version, consented, onUnexpectedError });
  server = await startServer({
    mcp,
    shared: sharedContents(() => host.store.shared, told, redirects),
    tickets: ticketUses(takeTicket, told),
    routes: all,
    ...toReplicas,
    ...counted,
    admit,
    tls,
    ...(config.grpc === undefined ? {} : { grpc: config.grpc }),
    http: config.http,
    consoleDir,
    metrics: { admit: onlyOperators, scrape: telemetry.scrape },
    publicUrl,
    previewOrigin,
    httpHosts: config.httpHosts,
    checkHost: !config.auth,
    corsOrigins: config.corsOrigins,
    socket: config.socket,
    messageBytesMax: limits.messageBytesMax,
    concurrentStreamsMax: limits.concurrentStreamsMax,
    graceMs: config.graceMs,
    drainMs: config.drainMs,
    onStopping: () => endLongCalls(mcp, host),
    beforeReplicas: () => giveUp(host),
    onUnexpectedError,
  });
  return server;
}

/** Ends the calls that wait for something to happen. Those of MCP come first: its clients would begin watches again. */
function endLongCalls(mcp: { close(): Promise<void> }, host: StoreHost): void {
  void mcp.close();
  if (host.state === 'serving') host.store.endWatches();
}

/** Leaves all decisions to other replicas. */
async function giveUp(host: StoreHost): Promise<void> {
  if (host.state === 'serving') await host.store.owners.leave();
}

function reporterTo({ log }: ListenerParts['telemetry']): (error: unknown, method: string) => void {
  return (error, method) => log.error({ err: error, method }, 'unexpected error');
}
