/**
 * The log, kept outside of the server, of what was asked of it and what it answered, and what follows from that. An
 * outcome is unknown when no answer came, until somebody has looked after the next start: a server that is dead
 * commits nothing any more.
 */
import type { Artifact } from '../../src/client/artifacts/artifact.ts';

/** Ways of uploading what must be refused. */
export type Mischief = 'no finish' | 'wrong digest' | DirectMischief;

/** The same of direct uploads. */
export type DirectMischief = 'cut short' | 'other bytes' | 'never sent' | 'never finished';

/** A direct upload that has begun. */
export interface BegunUpload {
  readonly uri: string;
  readonly uploadToken: string;
}

/** One push, however often it is tried. Its number is in the artifact's metadata as `push`. */
export interface Push {
  readonly number: number;
  readonly session: string;
  readonly name: string;
  /** The content is `bytesOf(seed, size)`. */
  readonly seed: number;
  readonly size: number;
  readonly sha256: string;
  readonly requestId: string | undefined;
  readonly newVersion: boolean;
  readonly inputs: readonly string[];
  readonly by: 'create' | 'upload' | 'digest' | 'direct';
  readonly mischief?: Mischief | undefined;
  /**
   * `refused` means for good: nothing may have come of it. `settled` means that it was unknown, the server died, and
   * what there is of it has been looked for: `made` says so.
   */
  state: 'sent' | 'acknowledged' | 'refused' | 'unknown' | 'settled';
  /** How many of its calls wait for an answer. */
  calls: number;
  /** The artifact that carries its number, once anybody has seen it. */
  made: string | undefined;
  /** Of a direct upload: the last one that was begun for it. */
  begun?: BegunUpload;
}

/** An artifact that the server has shown to somebody. */
export interface Known {
  readonly id: string;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly size: number;
  readonly push: number;
  /** `doubtful`: a deletion is under way, or was when the server died. */
  fate: 'live' | 'doubtful' | 'deleted';
  /** Values that its label `rev` may have. */
  revs: (string | undefined)[];
  /** Its bytes have been read back and compared. */
  verified: boolean;
}

export interface KnownSession {
  readonly id: string;
  /** `doubtful`: a seal is under way, or was when the server died. `fenced`: somebody was refused for it. */
  fate: 'open' | 'doubtful' | 'fenced' | 'sealed';
  outcome: 'succeeded' | 'failed' | undefined;
  manifest: string | undefined;
  /** Artifacts whose deletion was answered before anybody asked for the seal. */
  readonly deletedBefore: Set<string>;
}

export class Oracle {
  readonly pushes = new Map<number, Push>();
  readonly artifacts = new Map<string, Known>();
  readonly sessions = new Map<string, KnownSession>();
  /** What answers contradicted. */
  readonly faults: string[] = [];
  private readonly versions = new Map<string, string>();
  private readonly highest = new Map<string, number>();

  fault(text: string): void {
    this.faults.push(text);
  }

  begin(push: Omit<Push, 'number' | 'state' | 'calls' | 'made'>): Push {
    const begun: Push = { ...push, number: this.pushes.size + 1, state: 'sent', calls: 0, made: undefined };
    this.pushes.set(begun.number, begun);
    return begun;
  }

  session(id: string): KnownSession {
    let session = this.sessions.get(id);
    if (session === undefined) {
      session = { id, fate: 'open', outcome: undefined, manifest: undefined, deletedBefore: new Set() };
      this.sessions.set(id, session);
    }
    return session;
  }

  /** The highest version of a name that anybody has seen; 0 if none. */
  highestVersion(session: string, name: string): number {
    return this.highest.get(`${session} ${name}`) ?? 0;
  }

  /** Takes note of an artifact in an answer, which shows that it was committed at some time. */
  see(artifact: Artifact, where: string): Known | undefined {
    const known = this.artifacts.get(artifact.id) ?? this.meet(artifact, where);
    if (known === undefined) return undefined;
    const said = `${artifact.session} ${artifact.name} ${artifact.version} ${artifact.sha256} ${artifact.sizeBytes}`;
    const before = `${known.session} ${known.name} ${known.version} ${known.sha256} ${known.size}`;
    if (said !== before) this.fault(`${where}: ${known.id} is ${said}, and was ${before}`);
    return known;
  }

  private meet(artifact: Artifact, where: string): Known | undefined {
    const { id, session, name, version, sha256, sizeBytes: size } = artifact;
    const push = this.pushes.get(Number(artifact.metadata.push));
    if (push === undefined) {
      this.fault(`${where}: nobody pushed ${id}`);
      return undefined;
    }
    const about = `${where}: ${id} of push ${push.number}`;
    if (push.made !== undefined) this.fault(`${about}: it has made ${push.made} already`);
    if (push.state === 'refused') this.fault(`${about}: it had been refused`);
    if (push.mischief !== undefined) this.fault(`${about}: it had ${push.mischief}`);
    if (push.state === 'settled') this.fault(`${about}: it came to light after the crash was looked into`);
    if (push.session !== session || push.name !== name || push.sha256 !== sha256 || push.size !== size)
      this.fault(`${about}: is not what was pushed`);
    push.made = id;
    const place = `${session} ${name} ${version}`;
    const taken = this.versions.get(place);
    if (taken !== undefined) this.fault(`${about}: the version ${place} was ${taken} before`);
    this.versions.set(place, id);
    const highest = this.highestVersion(session, name);
    this.highest.set(`${session} ${name}`, Math.max(highest, version));
    const known: Known = {
      id,
      session,
      name,
      version,
      sha256,
      size,
      push: push.number,
      fate: 'live',
      revs: [artifact.labels.rev],
      verified: false,
    };
    this.artifacts.set(id, known);
    return known;
  }

  /** What is known to be there, or may be. */
  present(): Known[] {
    return [...this.artifacts.values()].filter(({ fate }) => fate !== 'deleted');
  }

  /** The server is dead and has been looked into: what has not been found of a push is not there. */
  settle(): void {
    for (const push of this.pushes.values())
      if (push.state === 'unknown' || push.state === 'sent') push.state = 'settled';
  }
}
