import type { Sha256 } from './digest.ts';
import type { Pairs } from './metadata.ts';
import type { Outcome } from './outcome.ts';
import type { Lease, Retention } from './retention.ts';

/** A session as it is now. Times are milliseconds since the Unix epoch. */
export interface Session {
  readonly id: string;
  /** What names it inside, minted at open: another session of the same id has another uid. */
  readonly uid: string;
  /** `sealing`: nothing commits any more, the manifest is not stored yet. */
  readonly state: 'open' | 'sealing' | 'sealed';
  readonly outcome?: Outcome;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  readonly expectedOutputs: readonly string[];
  /** Of a sealed session: the expected outputs that it has no artifact of. */
  readonly missingOutputs: readonly string[];
  readonly createTime: number;
  readonly updateTime: number;
  readonly sealTime?: number;
  /** When it expires by its retention; absent: never, or still open. */
  readonly expireTime?: number;
  /** Live artifacts, all versions, and their logical bytes. */
  readonly artifactCount: number;
  readonly sizeBytes: number;
  /** Artifacts on hold. */
  readonly holdCount: number;
  /** The highest number in its feed. */
  readonly lastSequence: number;
  readonly retention: Retention;
  /** Its retention keeps it now, as one of the last of its kind. */
  readonly kept: boolean;
  readonly lease?: Lease;
  readonly manifest?: Manifest;
  readonly etag: string;
}

/** The list of what a session held when it was sealed. Its digest never changes. */
export interface Manifest {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly lineCount: number;
}
