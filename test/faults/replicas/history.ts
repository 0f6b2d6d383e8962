/**
 * What was asked of the replicas, what they have acknowledged, and what follows from that. It is kept by one process
 * outside of them: what had been acknowledged before a call began must show in its answer, whoever gives it.
 */
import type { Artifact } from '../../../src/client/artifacts/artifact.ts';

/** A push, however often it is sent: it has a request id, and makes one artifact at most. */
export interface Push {
  /** In the artifact's metadata, as `push`. */
  readonly number: number;
  readonly ns: string;
  readonly session: string;
  readonly name: string;
  readonly seed: number;
  readonly size: number;
  readonly sha256: string;
  readonly requestId: string;
  readonly by: 'create' | 'upload' | 'client';
  /**
   * `doubtful`: a try had no answer, and a later one was refused for what may have changed in between. `forbidden`: it
   * must never be there.
   */
  state: 'sent' | 'acknowledged' | 'refused' | 'doubtful' | 'forbidden';
}

/** An artifact that was acknowledged, or seen. */
export interface Known {
  readonly id: string;
  readonly push: Push;
  readonly version: number;
  readonly sequence: number;
  /** Who said so, and when. */
  readonly witness: string;
  fate: 'live' | 'doubtful' | 'deleted';
  /** The last label that was acknowledged. */
  rev: string | undefined;
  /** Labels of calls without an answer, which may still come to pass. */
  readonly loose: Set<string>;
}

/** `sealing`: a seal was asked for, and not acknowledged yet. */
type SessionFate = 'open' | 'sealing' | 'sealed';

export interface KnownSession {
  readonly ns: string;
  readonly id: string;
  fate: SessionFate;
  readonly outcome: 'succeeded' | 'failed';
  /** The digest of the manifest, once it is sealed. */
  manifest: string | undefined;
  /** The number of the seal in the feed, by the first watch that has seen it. */
  sealedAt: number | undefined;
  readonly artifacts: Known[];
  /** The ids of those whose deletion was acknowledged before the seal was asked for. */
  readonly deletedBefore: Set<string>;
  /** By name, the highest version that was acknowledged. */
  readonly versions: Map<string, number>;
  /** The highest number in the feed that was acknowledged. */
  sequence: number;
}

/** What must not be undercut by what begins now. */
interface Floor {
  readonly version: number;
  readonly sequence: number;
}

/** See the head of this file. */
export class History {
  readonly faults: string[] = [];
  readonly pushes = new Map<number, Push>();
  readonly sessions: KnownSession[] = [];
  readonly artifacts = new Map<string, Known>();
  private readonly byPlace = new Map<string, Known>();
  private readonly beganMs = performance.now();
  /** What happens to the replicas at the moment. */
  now = 'at the start';

  /** Returns the time for a message. */
  get time(): string {
    return `${((performance.now() - this.beganMs) / 1_000).toFixed(3)} s`;
  }

  fault(what: string): void {
    this.faults.push(`${this.time}, ${this.now}: ${what}`);
  }

  open(ns: string, id: string, outcome: 'succeeded' | 'failed' = 'succeeded'): KnownSession {
    const session: KnownSession = {
      ns,
      id,
      outcome,
      fate: 'open',
      manifest: undefined,
      sealedAt: undefined,
      artifacts: [],
      deletedBefore: new Set(),
      versions: new Map(),
      sequence: 0,
    };
    this.sessions.push(session);
    return session;
  }

  begin(push: Omit<Push, 'number' | 'requestId' | 'state'>): Push {
    const number = this.pushes.size + 1;
    const begun: Push = { ...push, number, requestId: `request-${number}`, state: 'sent' };
    this.pushes.set(number, begun);
    return begun;
  }

  floorOf(session: KnownSession, name: string): Floor {
    return { version: session.versions.get(name) ?? 0, sequence: session.sequence };
  }

  /** A push was acknowledged that began when no more than `floor` was. */
  acknowledge(push: Push, session: KnownSession, artifact: Artifact, witness: string, floor: Floor): Known {
    const said = `push ${push.number}, ${witness}: ${artifact.id} version ${artifact.version}, ${artifact.sequence} in the feed`;
    const known = this.see(artifact, session, said);
    const { version, sequence } = artifact;
    if (push.state === 'acknowledged') this.fault(`${said}, acknowledged before`);
    if (known.push !== push) this.fault(`${said}, which is that of push ${known.push.number}`);
    if (version <= floor.version)
      this.fault(`${said}; version ${floor.version} was acknowledged before it began`);
    if (sequence <= floor.sequence)
      this.fault(`${said}; ${floor.sequence} in the feed was acknowledged before it began`);
    push.state = 'acknowledged';
    session.versions.set(push.name, Math.max(version, session.versions.get(push.name) ?? 0));
    session.sequence = Math.max(sequence, session.sequence);
    return known;
  }

  /** Takes note of an artifact in an answer: it is what was pushed, and what it was before. */
  see(artifact: Artifact, session: KnownSession, witness: string): Known {
    const known = this.artifacts.get(artifact.id) ?? this.meet(artifact, session, witness);
    const { push } = known;
    const said = `${artifact.session} ${artifact.name} ${artifact.version} ${artifact.sequence} ${artifact.sha256} ${artifact.sizeBytes}`;
    const before = `${push.session} ${push.name} ${known.version} ${known.sequence} ${push.sha256} ${push.size}`;
    if (said !== before)
      this.fault(`${witness}: ${known.id} is ${said}, and was ${before} (${known.witness})`);
    return known;
  }

  private meet(artifact: Artifact, session: KnownSession, witness: string): Known {
    const { id, name, version, sequence } = artifact;
    const number = Number(artifact.metadata.push);
    const push = this.pushes.get(number) ?? this.begin(unknownPush(artifact, session));
    if (push.number !== number) this.fault(`${witness}: nobody pushed ${id}`);
    if (push.state === 'refused' || push.state === 'forbidden')
      this.fault(`${witness}: ${id} is there, and push ${push.number} had to fail (${push.state})`);
    const known: Known = {
      id,
      push,
      version,
      sequence,
      witness,
      fate: 'live',
      rev: artifact.labels.rev,
      loose: new Set(),
    };
    const places = [
      `${session.ns} ${session.id} ${sequence}`,
      `${session.ns} ${session.id} ${name} v${version}`,
    ];
    places.push(`push ${push.number}`);
    for (const place of places) {
      const other = this.byPlace.get(place);
      if (other === undefined) this.byPlace.set(place, known);
      else this.fault(`${witness}: ${id} has the place ${place} of ${other.id} (${other.witness})`);
    }
    this.artifacts.set(id, known);
    session.artifacts.push(known);
    return known;
  }
}

function unknownPush(artifact: Artifact, { ns }: KnownSession): Omit<Push, 'number' | 'requestId' | 'state'> {
  const { session, name, sha256, sizeBytes: size } = artifact;
  return { ns, session, name, sha256, size, seed: 0, by: 'create' };
}
