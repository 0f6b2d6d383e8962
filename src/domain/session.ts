import type { Sha256 } from './digest.ts';
import type { Pairs } from './metadata.ts';
import type { Outcome } from './outcome.ts';
import type { Lease, Retention } from './retention.ts';

/** A session in its present state. Times are milliseconds since the Unix epoch. */
export interface Session {
  readonly id: string;
  /** Its internal name, minted when it is opened: another session with the same id has another uid. */
  readonly uid: string;
  /** `sealing`: nothing is committed any more, and the manifest is not stored yet. */
  readonly state: 'open' | 'sealing' | 'sealed';
  readonly outcome?: Outcome;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  readonly expectedOutputs: readonly string[];
  /** In a sealed session: the expected outputs without an artifact. */
  readonly missingOutputs: readonly string[];
  readonly createTime: number;
  readonly updateTime: number;
  readonly sealTime?: number;
  /** The time when it expires by its retention; absent: never, or still open. */
  readonly expireTime?: number;
  /** The number of live artifacts, all versions, and their logical bytes. */
  readonly artifactCount: number;
  readonly sizeBytes: number;
  /** The number of artifacts on hold. */
  readonly holdCount: number;
  /** The highest sequence of its feed. */
  readonly lastSequence: number;
  readonly retention: Retention;
  /** True: its retention keeps it now, as one of the last of its kind. */
  readonly kept: boolean;
  readonly lease?: Lease;
  readonly manifest?: Manifest;
  readonly etag: string;
}

/** The list of the artifacts in a session when it was sealed. Its digest never changes. */
export interface Manifest {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly lineCount: number;
}
