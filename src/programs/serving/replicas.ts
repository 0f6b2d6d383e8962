/** The part of a process that shares its store with others: what it asks them, and what they may ask it. */
import type { Buffer } from 'node:buffer';
import type { ConnectError } from '@connectrpc/connect';
import { Admission } from '../../api/admission.ts';
import { commitsAtOwners } from '../../api/passing/commit-content.ts';
import { Entrance } from '../../api/passing/entrance.ts';
import { OwnerCalls } from '../../api/passing/owner-calls.ts';
import { type Deciders, Passing } from '../../api/passing/passing.ts';
import { ReplicaSecret } from '../../api/passing/proofs.ts';
import { ReplicaCaller } from '../../api/passing/replica-caller.ts';
import { replicaRoutes } from '../../api/passing/replica-routes.ts';
import { type RoutesOptions, routes } from '../../api/routes.ts';
import { inWords } from '../../domain/system/words.ts';
import { type After, afterRealTime } from '../../domain/timer.ts';
import type { ServerOptions } from '../../server/server.ts';
import type { ServeConfig } from '../../settings/config-shapes.ts';
import { SettingError } from '../../settings/source.ts';
import type { Store, StoreOptions } from '../../store/open.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { ReplicaFailures } from './replica-failures.ts';
import { ReplicaLinks } from './replica-links.ts';

interface ReplicasOptions {
  /** At least 32 bytes, the same in all replicas of a store. */
  readonly secret: Uint8Array;
  /** The address of this process, as the other replicas know it: `host:port`. */
  readonly address: string;
  /** Whether the replicas speak TLS with each other. */
  readonly isSecured: boolean;
  /** Returns the `traceparent` of the call that the present code runs for. Default: none. */
  readonly traceparent?: (() => string | undefined) | undefined;
  /** Called if a replica could not be asked, or its answer was lost. Default: does nothing. */
  readonly onFailed?: ((address: string, error: ConnectError) => void) | undefined;
  /** Default: real time. */
  readonly after?: After;
  /** Milliseconds, from any origin. Default: the clock of the process. */
  readonly elapsed?: () => number;
  /** The wall clock, in milliseconds since the Unix epoch. Default: `Date.now`. */
  readonly now?: () => number;
}

/** One of the processes that serve a store. Disposal closes its connections to the others. */
export interface Replicas extends Disposable {
  /** The address of this process, as the other replicas know it. */
  readonly address: string;
  /** See {@link ReplicaSecret.mark}. */
  readonly secretMark: string;
  /** For the store. */
  readonly remoteCommits: NonNullable<StoreOptions['remoteCommits']>;
  /** Returns what the listeners for clients need. @param store returns the open store; it may throw. */
  passing(store: () => Deciders): Passing;
  /** Returns what the listener for the other replicas needs. @param store returns the open store; it may throw. */
  entrance(store: () => Deciders): Entrance;
}

/** Opens the part of a process that shares its store. */
export function openReplicas(options: ReplicasOptions): Replicas {
  const { address, isSecured, after = afterRealTime } = options;
  const { elapsed = () => performance.now(), now = Date.now, traceparent, onFailed } = options;
  const secret = new ReplicaSecret(options.secret);
  const links = new ReplicaLinks({
    isSecured,
    after,
    seal: (...call) => secret.seal(...call),
  });
  const calls = new OwnerCalls({ address, after, elapsed });
  const linkTo = (other: string) => links.linkTo(other);
  const caller = new ReplicaCaller({ secret, linkTo, now, traceparent, onFailed });
  return {
    address,
    secretMark: secret.mark,
    remoteCommits: (owners) => commitsAtOwners(owners, calls, caller),
    passing: (store) => new Passing({ store, calls, caller }),
    entrance: (store) => new Entrance({ store, secret, address, now }),
    [Symbol.dispose]: () => links[Symbol.dispose](),
  };
}

/** The bytes that the secret must have at least: as many as its MACs. */
const secretBytesMin = 32;

/**
 * Opens it as the settings say. Undefined: the service has its store for itself.
 *
 * @throws SettingError if the secret cannot be used.
 */
export async function openReplicasOf(
  { replicas, tls }: Pick<ServeConfig, 'replicas' | 'tls'>,
  { log, traceparent }: Pick<Telemetry, 'log' | 'traceparent'>,
  readFile: (path: string) => Promise<Buffer>,
): Promise<Replicas | undefined> {
  if (replicas === undefined) return undefined;
  const { address, secretFile } = replicas;
  const failures = new ReplicaFailures({
    elapsed: () => performance.now(),
    report: (replica, error, unreported) =>
      log.warn({ replica, unreported, err: error }, 'a replica has not answered'),
  });
  return openReplicas({
    secret: await readSecret(secretFile, readFile),
    address,
    isSecured: tls !== undefined,
    traceparent,
    onFailed: (replica, error) => failures.note(replica, error),
  });
}

async function readSecret(path: string, readFile: (path: string) => Promise<Buffer>): Promise<Uint8Array> {
  const text = await readFile(path).catch((error: unknown) => {
    throw error instanceof SettingError ? error : new SettingError(path, `cannot be read: ${inWords(error)}`);
  });
  // Editors and shells end files with a line break.
  const end = text.at(-1) === 0x0a ? -1 : undefined;
  const secret = text.subarray(0, end);
  if (secret.length < secretBytesMin)
    throw new SettingError(
      path,
      `must have at least ${secretBytesMin} bytes, not ${secret.length}; make it with "openssl rand -base64 48"`,
    );
  return secret;
}

/** Returns the routes of the listeners: those for clients, and those for the other replicas, if the store has any. */
export function routesOver(
  options: RoutesOptions,
  store: () => Store,
  { replicas: config }: Pick<ServeConfig, 'replicas'>,
  replicas: Replicas | undefined,
): Pick<ServerOptions, 'routes' | 'replicas'> {
  if (replicas === undefined || config === undefined) return { routes: routes(options) };
  const admission = options.admission ?? new Admission({ after: afterRealTime, elapsed: options.elapsed });
  return {
    routes: routes({ ...options, admission, deciding: replicas.passing(store) }),
    replicas: {
      address: config.listen,
      routes: replicaRoutes({ ...options, admission, deciding: replicas.entrance(store) }),
    },
  };
}
