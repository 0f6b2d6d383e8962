/** The way of clients to the replicas: each call has one deadline, and who gets no answer asks another replica. */

import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { ArtifactaClient } from '../../../src/client/client.ts';
import type { ArtifactaError } from '../../../src/client/errors.ts';
import { openEndpoint } from '../../../src/client/wire/endpoint.ts';
import { withCredentials } from '../../../src/client/wire/headers.ts';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import { isUnknown } from '../pushing.ts';
import type { Chance } from '../seeded.ts';
import type { Cluster } from './cluster.ts';
import type { History } from './history.ts';
import type { Replica } from './replica.ts';

/** More than an answer takes that somebody else has to give, and less than a lease. */
export const callMs = 1_800;
/** The deadline of a call that had so many tries: the machine may be slow. */
export const patientMs = 8_000;
const triesMax = 8;
/** Within this, every call has an answer from some replica: faults last a few leases at most. */
const patienceMs = 90_000;
const pauseMs = 60;
/** So many answers of a call are told that has none. */
const saidMax = 12;
/** A replica to which nothing happens may fail so often in a row. */
const answersMax = 20;

/** One credential at one replica. */
export interface Connection {
  readonly client: ArtifactaClient;
  /** As the protocol has it. */
  readonly artifacts: ReturnType<typeof createClient<typeof ArtifactService>>;
  readonly sessions: ReturnType<typeof createClient<typeof SessionService>>;
  /** The deadline of calls, in milliseconds. What is streamed has none of itself. */
  readonly timeoutMs: number;
}

/** An answer, and how it came about. */
interface Settled<T> {
  readonly answer: T;
  readonly by: Replica;
  /** An earlier try had no answer, and may have done it. */
  readonly wasUnknown: boolean;
}

/** A refusal, and how it came about. */
export class Refused extends Error {
  readonly error: ArtifactaError;
  readonly by: Replica;
  readonly wasUnknown: boolean;

  constructor(error: ArtifactaError, by: Replica, wasUnknown: boolean) {
    super(`${by.name} refused: ${error.code} ${error.reason} ${error.message}`);
    this.error = error;
    this.by = by;
    this.wasUnknown = wasUnknown;
  }
}

/** Reasons for which nothing was done, and the same call may be made again. */
const again = new Set(['NOT_OWNER', 'OVERLOADED', 'SEAL_PENDING']);

/** True unless the replica has decided about the call. */
export function isOpen(error: ArtifactaError): boolean {
  return isUnknown(error) || again.has(error.reason!);
}

export class Reach implements AsyncDisposable {
  private readonly cluster: Cluster;
  private readonly history: History;
  private readonly chance: Chance;
  private readonly open = new Map<string, Connection>();
  /** The longest time until a call had an answer, since it was set to 0, in milliseconds. */
  longestMs = 0;
  /** What that was. */
  longest = '';

  constructor(cluster: Cluster, history: History, chance: Chance) {
    this.cluster = cluster;
    this.history = history;
    this.chance = chance;
  }

  /** Any replica, also one that is dead. */
  any(other?: Replica): Replica {
    const all = this.cluster.replicas.filter((replica) => replica !== other);
    return this.chance.pick(all.length === 0 ? this.cluster.replicas : all);
  }

  async to(replica: Replica, token: string, timeoutMs = callMs): Promise<Connection> {
    const address = replica.addresses!.grpc;
    const place = `${address} ${timeoutMs} ${token}`;
    const open = this.open.get(place);
    if (open !== undefined) return open;
    const endpoint = await openEndpoint(`grpc://${address}`);
    const options = { token, retry: { attemptsMax: 1 }, timeoutMs };
    const transport = withCredentials(endpoint.transport, options);
    const made = {
      client: new ArtifactaClient(endpoint, options),
      artifacts: createClient(ArtifactService, transport),
      sessions: createClient(SessionService, transport),
      timeoutMs,
    };
    this.open.set(place, made);
    return made;
  }

  /**
   * Makes a call until it has an answer, each time through another replica. The call must be safe to repeat.
   *
   * @throws Refused
   */
  async settle<T>(
    what: string,
    token: string,
    call: (connection: Connection) => Promise<T>,
    first: Replica = this.any(),
  ): Promise<Settled<T>> {
    const beganMs = performance.now();
    const said: string[] = [];
    let wasUnknown = false;
    let by = first;
    for (;;) {
      try {
        const timeoutMs = said.length < triesMax ? callMs : patientMs;
        const answer = await call(await this.to(by, token, timeoutMs));
        this.note(beganMs, what);
        return { answer, by, wasUnknown };
      } catch (thrown) {
        const error = toArtifactaError(thrown);
        if (!isOpen(error)) {
          this.note(beganMs, what);
          throw new Refused(error, by, wasUnknown);
        }
        wasUnknown ||= isUnknown(error);
        said.push(`${this.witness(by)}: ${error.code} ${error.reason} ${error.message}`);
        if (performance.now() - beganMs > patienceMs)
          throw new Error(
            `${what} has no answer after ${said.length} tries:\n  ${said.slice(-saidMax).join('\n  ')}`,
          );
      }
      by = this.any(by);
      await delay(pauseMs * (0.5 + this.chance.next()));
    }
  }

  /** Has one replica answer, which serves: it may only need a moment. */
  async answer<T>(
    what: string,
    token: string,
    by: Replica,
    call: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++)
      try {
        return await call(await this.to(by, token, patientMs));
      } catch (thrown) {
        const error = toArtifactaError(thrown);
        if (!isOpen(error) || tries === answersMax)
          throw new Error(`${what}: ${by.name} says ${error.code} ${error.reason} ${error.message}`);
        await delay(pauseMs);
      }
  }

  /** Makes a call once. @returns undefined if it had no answer. @throws Refused */
  async once<T>(
    by: Replica,
    token: string,
    call: (connection: Connection) => Promise<T>,
    timeoutMs = callMs,
  ): Promise<T | undefined> {
    try {
      return await call(await this.to(by, token, timeoutMs));
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      if (isOpen(error)) return undefined;
      throw new Refused(error, by, false);
    }
  }

  /** Who said something, and when. */
  witness(by: Replica): string {
    return `${by.name} at ${this.history.time}`;
  }

  /** Ends connections to processes that are no more. */
  async closeDead(): Promise<void> {
    const alive = new Set(this.cluster.replicas.map(({ addresses }) => addresses?.grpc));
    for (const [place, { client }] of this.open)
      if (!alive.has(place.split(' ')[0]!)) {
        this.open.delete(place);
        await client.close();
      }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.open.values()) await client.close();
  }

  private note(beganMs: number, what: string): void {
    const tookMs = performance.now() - beganMs;
    if (tookMs <= this.longestMs) return;
    this.longestMs = tookMs;
    this.longest = what;
  }
}
