/** A namespace with the one thing in it that a row of the tables is about, and whoever asks for it. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Client, createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { Scope } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { routes } from '../../../src/api/routes.ts';
import { namespaceHeader } from '../../../src/api/transport.ts';
import { parseNamespace } from '../../../src/domain/names.ts';
import { Authentication } from '../../../src/identity/authentication.ts';
import { ChildTokens } from '../../../src/identity/child-tokens.ts';
import { Tickets } from '../../../src/identity/tickets.ts';
import { type Spec, text } from '../../support/calls.ts';
import type { TestStore } from '../../support/service.ts';

export const hour = 3_600_000;
export const day = 24 * hour;

/** Contents beyond are files, so that they can be damaged. */
export const inlineBytesMax = 64;

/** The session that rows are about, and one that is there beside it in every world, for calls that need two. */
export const theSession = 's';
export const otherSession = 'other';
/** The name of the artifact that rows are about. */
export const theName = 'a';

/** Somebody who calls. */
export interface Caller {
  readonly namespace: string;
  /** What calls without a client of the services say of the caller. */
  readonly headers: Readonly<Record<string, string>>;
  readonly artifacts: Client<typeof ArtifactService>;
  readonly sessions: Client<typeof SessionService>;
  readonly admin: Client<typeof AdminService>;
}

/** What opening the session again has to say, so that it is no other one. */
export type Opened = Omit<Parameters<Caller['sessions']['openSession']>[0], 'session' | '$typeName'>;

const seconds = (ms: number) => ({ seconds: BigInt(ms / 1_000), nanos: 0 });

/** A retention by which a session expires so long after its seal, however it ended. */
export function expiringAfter(ms: number): Opened {
  const ttl = seconds(ms);
  return { retention: { succeededTtl: ttl, failedTtl: ttl, cancelledTtl: ttl, abandonedTtl: ttl } };
}

/** Every call of the service, by whoever its headers say. */
export function transportOf(opened: TestStore): Transport {
  return createRouterTransport(routesOf(opened));
}

/** The same, for the listeners of a server. */
export function routesOf({ store }: TestStore): ReturnType<typeof routes> {
  const authentication = new Authentication({
    isRequired: false,
    keys: store.apiKeys,
    tokens: () => new ChildTokens(store.tokenKey, () => store.now()),
    tickets: () => new Tickets(store.tokenKey, () => store.now()),
    elapsed: () => 0,
  });
  const { authenticate } = authentication;
  return routes({
    store: () => store,
    authenticate,
    onCall: () => undefined,
    elapsed: () => performance.now(),
  });
}

/**
 * A namespace of a store that the caller looks after, with the other session and an artifact `o` in it. Time and the
 * reaper are the store's.
 */
export class World {
  private readonly opened: TestStore;
  private readonly transport: Transport;
  private readonly namespace: string;
  private readonly maintenance: Client<typeof MaintenanceService>;
  /** An operator in the namespace. */
  readonly owner: Caller;

  private constructor(opened: TestStore, transport: Transport, namespace: string) {
    this.opened = opened;
    this.transport = transport;
    this.namespace = namespace;
    this.maintenance = createClient(MaintenanceService, transport);
    this.owner = this.operatorIn(namespace);
  }

  static async make(opened: TestStore, transport: Transport, namespace: string): Promise<World> {
    await opened.store.namespaces.ensure(parseNamespace('namespace', namespace));
    const world = new World(opened, transport, namespace);
    await world.push('o', { session: otherSession });
    return world;
  }

  get now(): number {
    return this.opened.clock.now;
  }

  pass(ms: number): void {
    this.opened.clock.now += ms;
  }

  /** Everything that is due. */
  async reap(): Promise<void> {
    while ((await this.maintenance.reapExpired({})).more);
  }

  /** Somebody with a token that is good for the other session only, or for names that begin with something. */
  async token(limits: { readonly sessions?: string[]; readonly namePrefix?: string }): Promise<Caller> {
    const scopes = [Scope.READ, Scope.WRITE, Scope.SHARE];
    const { token } = await this.owner.admin.mintToken({ scopes, ...limits });
    return callerOver(this.transport, this.namespace, { authorization: `Bearer ${token}` });
  }

  /** An operator in another namespace. */
  async elsewhere(): Promise<Caller> {
    const namespace = `${this.namespace}-elsewhere`;
    await this.opened.store.namespaces.ensure(parseNamespace('namespace', namespace));
    return this.operatorIn(namespace);
  }

  private operatorIn(namespace: string): Caller {
    return callerOver(this.transport, namespace, { [namespaceHeader]: namespace });
  }

  async open(options: Opened = {}, session = theSession): Promise<Session> {
    return (await this.owner.sessions.openSession({ session, ...options })).session!;
  }

  /** @returns its id. */
  async push(
    content: string | Uint8Array,
    { as = this.owner, ttlMs, ...spec }: Spec & { readonly as?: Caller; readonly ttlMs?: number } = {},
  ): Promise<string> {
    const data = typeof content === 'string' ? text(content) : content;
    const expiry = ttlMs === undefined ? {} : { expiry: { case: 'ttl' as const, value: seconds(ttlMs) } };
    const named = { session: theSession, name: theName, ...expiry, ...spec };
    const { artifact } = await as.artifacts.createArtifact({
      spec: named,
      content: { case: 'data', value: data },
    });
    return artifact!.id;
  }

  async seal(outcome: SessionOutcome = SessionOutcome.SUCCEEDED): Promise<void> {
    await this.owner.sessions.sealSession({ session: theSession, outcome });
  }

  async remove(id: string): Promise<void> {
    await this.owner.artifacts.deleteArtifact({ artifact: { by: { case: 'id', value: id } } });
  }

  async hold(id: string, hold = true): Promise<void> {
    await this.owner.artifacts.updateArtifact({
      artifact: { by: { case: 'id', value: id } },
      changes: { hold },
      updateMask: { paths: ['hold'] },
    });
  }

  /** Gives an artifact an expiry of its own, from now on. */
  async limit(id: string, ttlMs: number): Promise<void> {
    await this.owner.artifacts.updateArtifact({
      artifact: { by: { case: 'id', value: id } },
      changes: { expiry: { case: 'ttl', value: seconds(ttlMs) } },
    });
  }

  /** Takes the bytes of every file away, and has that found. */
  async damage(): Promise<void> {
    const { blobs, store } = this.opened;
    const { internalId } = await store.namespaces.require(parseNamespace('namespace', this.namespace));
    for await (const name of blobs.list(internalId)) await blobs.delete(name);
    await this.maintenance.scrub({});
  }
}

function callerOver(transport: Transport, namespace: string, headers: Record<string, string>): Caller {
  const withHeaders = (given?: Parameters<Transport['unary']>[3]) => ({
    ...Object.fromEntries(new Headers(given)),
    ...headers,
  });
  const own: Transport = {
    unary: (method, signal, timeout, header, ...rest) =>
      transport.unary(method, signal, timeout, withHeaders(header), ...rest),
    stream: (method, signal, timeout, header, ...rest) =>
      transport.stream(method, signal, timeout, withHeaders(header), ...rest),
  };
  return {
    namespace,
    headers,
    artifacts: createClient(ArtifactService, own),
    sessions: createClient(SessionService, own),
    admin: createClient(AdminService, own),
  };
}

/** Whether a session is shown as one that has expired. */
export function hasExpired(session: Session, now: number): boolean {
  return session.expireTime !== undefined && timestampMs(session.expireTime) <= now;
}
