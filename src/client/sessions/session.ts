import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import type { Retention as RetentionMessage } from '../../../gen/artifacta/v1/retention_pb.ts';
import { type Session as SessionMessage, SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { dateOf, durationMilliseconds } from '../wire/times.ts';

/** How a run ended. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'abandoned';

/** A session, which keeps together what one run of an agent produces. */
export interface Session {
  /** The id that its caller chose, e.g. `run_42`. */
  readonly id: string;
  /** `ses_` and 26 characters: differs from that of any other session with the same id. */
  readonly uid: string;
  readonly state: 'open' | 'sealing' | 'sealed';
  /** Undefined while it is open. */
  readonly outcome: Outcome | undefined;
  /** Inherited by its artifacts. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly createTime: Date;
  readonly updateTime: Date | undefined;
  readonly sealTime: Date | undefined;
  readonly expireTime: Date | undefined;
  /** The number of live artifacts, all versions of all names. */
  readonly artifactCount: number;
  readonly sizeBytes: number;
  readonly holdCount: number;
  readonly lastSequence: number;
  readonly expectedOutputs: readonly string[];
  /** Expected outputs that have no live artifact: so far, or at the seal. */
  readonly missingOutputs: readonly string[];
  /** How long its artifacts live after the seal. */
  readonly retention: Retention;
  /** True: kept among the last of its kind, so that it does not expire. */
  readonly kept: boolean;
  readonly lease: { readonly durationMs: number; readonly expireTime: Date | undefined } | undefined;
  /** The contents at the seal. Undefined until the seal is complete. */
  readonly manifest:
    | { readonly sha256: string; readonly sizeBytes: number; readonly lineCount: number }
    | undefined;
  readonly etag: string;
}

/** How long artifacts live after the seal, by outcome, in milliseconds. An outcome that is not set has no limit. */
export interface Retention {
  readonly succeededTtlMs?: number | undefined;
  readonly failedTtlMs?: number | undefined;
  readonly cancelledTtlMs?: number | undefined;
  readonly abandonedTtlMs?: number | undefined;
  /** Keeps the last `count` (1 to 100) sessions of each value of a metadata key. */
  readonly keepLast?: {
    readonly count: number;
    readonly metadataKey: string;
    readonly outcomes?: readonly Outcome[];
  };
}

const outcomes: Readonly<Record<Outcome, SessionOutcome>> = {
  succeeded: SessionOutcome.SUCCEEDED,
  failed: SessionOutcome.FAILED,
  cancelled: SessionOutcome.CANCELLED,
  abandoned: SessionOutcome.ABANDONED,
};

/** Every outcome, in the order of the interface. */
export const outcomeNames = Object.keys(outcomes) as readonly Outcome[];

/** Returns an outcome in the form of messages. */
export function outcomeMessage(outcome: Outcome): SessionOutcome {
  return outcomes[outcome];
}

function outcomeOf(outcome: SessionOutcome): Outcome | undefined {
  return outcomeNames.find((name) => outcomes[name] === outcome);
}

function stateOf(state: SessionState): Session['state'] {
  if (state === SessionState.SEALED) return 'sealed';
  return state === SessionState.SEALING ? 'sealing' : 'open';
}

/** Returns the message as a plain value. */
export function sessionFrom(message: SessionMessage | undefined): Session {
  if (message === undefined) {
    throw new ArtifactaError('the answer has no session', { code: 'INTERNAL' });
  }
  const { lease, manifest } = message;
  return {
    id: message.id,
    uid: message.uid,
    state: stateOf(message.state),
    outcome: outcomeOf(message.outcome),
    metadata: message.metadata,
    labels: message.labels,
    createTime: dateOf(message.createTime) ?? new Date(0),
    updateTime: dateOf(message.updateTime),
    sealTime: dateOf(message.sealTime),
    expireTime: dateOf(message.expireTime),
    artifactCount: Number(message.artifactCount),
    sizeBytes: Number(message.sizeBytes),
    holdCount: Number(message.holdCount),
    lastSequence: Number(message.lastSequence),
    expectedOutputs: message.expectedOutputs,
    missingOutputs: message.missingOutputs,
    retention: retentionFrom(message.retention),
    kept: message.kept,
    lease: lease && {
      durationMs: lease.duration === undefined ? 0 : durationMilliseconds(lease.duration),
      expireTime: dateOf(lease.expireTime),
    },
    manifest: manifest && {
      sha256: manifest.sha256,
      sizeBytes: Number(manifest.sizeBytes),
      lineCount: Number(manifest.lineCount),
    },
    etag: message.etag,
  };
}

/** Returns the message as a plain value. */
export function retentionFrom(message: RetentionMessage | undefined): Retention {
  const ttl = (duration: Parameters<typeof durationMilliseconds>[0] | undefined) =>
    duration === undefined ? undefined : durationMilliseconds(duration);
  const keepLast = message?.keepLast && {
    count: message.keepLast.count,
    metadataKey: message.keepLast.metadataKey,
    outcomes: message.keepLast.outcomes.flatMap((outcome) => outcomeOf(outcome) ?? []),
  };
  return {
    succeededTtlMs: ttl(message?.succeededTtl),
    failedTtlMs: ttl(message?.failedTtl),
    cancelledTtlMs: ttl(message?.cancelledTtl),
    abandonedTtlMs: ttl(message?.abandonedTtl),
    ...(keepLast === undefined ? {} : { keepLast }),
  };
}
