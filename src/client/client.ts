import { createClient, type Transport } from '@connectrpc/connect';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { Access } from './admin/access.ts';
import { Admin } from './admin/admin.ts';
import { Maintenance } from './admin/maintenance.ts';
import { Policies } from './admin/policies.ts';
import type { ArtifactRef } from './artifacts/artifact.ts';
import type { FileSession } from './files/file-session.ts';
import type { PullOptions } from './files/pull.ts';
import type { OpenOptions } from './sessions/sessions.ts';
import { Store, type StoreOptions, storeParts } from './store.ts';
import { openEndpoint, type TlsOptions } from './wire/endpoint.ts';
import { nodePlatform } from './wire/node-platform.ts';
import type { Endpoint } from './wire/platform.ts';

/**
 * A `Transport` of Connect, of any version of its library. The type is spelled out, since Connect's own types need
 * those of browsers, which a program for Node may not have.
 */
export interface AnyTransport {
  unary(...call: never[]): Promise<unknown>;
  stream(...call: never[]): Promise<unknown>;
}

/** The behaviour of a client. */
export interface ClientOptions extends StoreOptions {
  /** The certificates for `grpcs:` and `https:`. */
  readonly tls?: TlsOptions | undefined;
}

/** A store, for Node: with files, and with what operators need. */
export class ArtifactaClient extends Store {
  /** The store as a whole. For operators. */
  readonly admin: Admin;
  /** Namespaces, API keys, tokens. */
  readonly access: Access;
  /** The work that the sidecar asks for from time to time. */
  readonly maintenance: Maintenance;
  /** How long namespaces keep sessions, by outcome. For operators. */
  readonly policies: Policies;

  /** @internal */
  constructor(endpoint: Endpoint, options: ClientOptions = {}) {
    const parts = storeParts(endpoint, options, nodePlatform);
    super(parts);
    const { calls, transport } = parts;
    const admin = createClient(AdminService, transport);
    this.admin = new Admin(calls, admin);
    this.access = new Access(calls, admin);
    this.policies = new Policies(calls, admin);
    this.maintenance = new Maintenance(calls, createClient(MaintenanceService, transport));
  }

  /** Writes an artifact to a file, and returns its path. See `src/client/files/pull.ts`. */
  async pull(ref: ArtifactRef, to?: string, options: PullOptions = {}): Promise<string> {
    // Most programs and commands do without.
    const { pull } = await import('./files/pull.ts');
    return await pull(this, ref, to, options);
  }

  override async session(id?: string, options: OpenOptions = {}): Promise<FileSession> {
    const { FileSession } = await import('./files/file-session.ts');
    return new FileSession(this.calls, await this.opened(id, options));
  }

  override async run<T>(
    id: string | undefined,
    options: OpenOptions,
    work: (session: FileSession) => Promise<T> | T,
  ): Promise<T> {
    const { runIn } = await import('./sessions/run.ts');
    return await runIn(await this.session(id, options), work, options.signal);
  }
}

/**
 * Returns a client for a service, or for a transport that another owner closes. Nothing is sent before the first call.
 *
 * @param target a URL in a form that {@link openEndpoint} takes, or a Connect transport.
 * @throws ArtifactaError INVALID_ARGUMENT for a malformed URL.
 */
export async function connect(
  target: string | AnyTransport,
  options: ClientOptions = {},
): Promise<ArtifactaClient> {
  if (typeof target === 'string') {
    const endpoint = await openEndpoint(target, options.tls);
    return new ArtifactaClient({ ...endpoint, place: target }, options);
  }
  return new ArtifactaClient({ transport: target as Transport, close: async () => {} }, options);
}
