/** Converts from the domain to protobuf. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Artifact as ArtifactMessage,
  ArtifactSchema,
  ExpirySource as ExpirySourceValue,
} from '../../gen/artifacta/v1/artifact_pb.ts';
import type { GoneArtifactSchema } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import type { QueryExplanationSchema } from '../../gen/artifacta/v1/query_pb.ts';
import {
  type Session as SessionMessage,
  SessionSchema,
  SessionState,
} from '../../gen/artifacta/v1/session_pb.ts';
import { StorePause_Cause } from '../../gen/artifacta/v1/store_pb.ts';
import { type Receipt as ReceiptMessage, ReceiptSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import type { QuarantinedContentSchema } from '../../gen/artifacta/v1/verify_pb.ts';
import type { Artifact, Receipt } from '../domain/artifact.ts';
import type { ExpirySource } from '../domain/expiry.ts';
import type { Pairs } from '../domain/metadata.ts';
import type { Session } from '../domain/session.ts';
import type { QueryExplanation } from '../store/queries/listing.ts';
import type { QuarantinedContent } from '../store/queries/quarantined.ts';
import type { ManifestLine } from '../store/sessions/manifest.ts';
import type { Pause, PauseCause } from '../store/upkeep/pauses.ts';
import { outcomeValues } from './outcomes.ts';
import { toLeaseMessage, toRetentionMessage } from './retention.ts';

/** Origins of an expiry as the protocol shows them. */
export const expirySources: Readonly<Record<ExpirySource, ExpirySourceValue>> = {
  none: ExpirySourceValue.NONE,
  artifact: ExpirySourceValue.ARTIFACT,
  session: ExpirySourceValue.SESSION_POLICY,
};

const sessionStates: Readonly<Record<Session['state'], SessionState>> = {
  open: SessionState.OPEN,
  sealing: SessionState.SEALING,
  sealed: SessionState.SEALED,
};

/** Returns a map field. It has own properties only, since a key may be any name that an object knows. */
function toMap(pairs: Pairs): { [key: string]: string } {
  return Object.fromEntries(pairs);
}

/** Returns an artifact as the protocol shows it. */
export function toArtifactMessage(artifact: Artifact): ArtifactMessage {
  return create(ArtifactSchema, {
    id: artifact.id,
    session: artifact.session,
    name: artifact.name,
    version: BigInt(artifact.version),
    sha256: artifact.sha256,
    sizeBytes: BigInt(artifact.sizeBytes),
    contentType: artifact.contentType,
    metadata: toMap(artifact.metadata),
    inheritedMetadataKeys: [...artifact.inherited],
    labels: toMap(artifact.labels),
    inputs: [...artifact.inputs],
    createTime: timestampFromMs(artifact.createTime),
    ...(artifact.expireTime === undefined ? {} : { expireTime: timestampFromMs(artifact.expireTime) }),
    expirySource: expirySources[artifact.expirySource],
    hold: artifact.hold,
    sequence: BigInt(artifact.sequence),
    latest: artifact.latest,
    etag: artifact.etag,
  });
}

/** Returns a receipt as the protocol shows it. */
export function toReceiptMessage(receipt: Receipt): ReceiptMessage {
  return create(ReceiptSchema, { ...receipt, bytesSaved: BigInt(receipt.bytesSaved) });
}

/** Returns a session as the protocol shows it. */
export function toSessionMessage(session: Session): SessionMessage {
  return create(SessionSchema, {
    id: session.id,
    uid: session.uid,
    state: sessionStates[session.state],
    outcome: session.outcome === undefined ? SessionOutcome.UNSPECIFIED : outcomeValues[session.outcome],
    metadata: toMap(session.metadata),
    labels: toMap(session.labels),
    createTime: timestampFromMs(session.createTime),
    updateTime: timestampFromMs(session.updateTime),
    ...(session.sealTime === undefined ? {} : { sealTime: timestampFromMs(session.sealTime) }),
    ...(session.expireTime === undefined ? {} : { expireTime: timestampFromMs(session.expireTime) }),
    retention: toRetentionMessage(session.retention),
    kept: session.kept,
    ...(session.lease === undefined ? {} : { lease: toLeaseMessage(session.lease) }),
    artifactCount: BigInt(session.artifactCount),
    sizeBytes: BigInt(session.sizeBytes),
    holdCount: BigInt(session.holdCount),
    lastSequence: BigInt(session.lastSequence),
    expectedOutputs: [...session.expectedOutputs],
    missingOutputs: [...session.missingOutputs],
    ...(session.manifest === undefined
      ? {}
      : {
          manifest: {
            sha256: session.manifest.sha256,
            sizeBytes: BigInt(session.manifest.sizeBytes),
            lineCount: BigInt(session.manifest.lineCount),
          },
        }),
    etag: session.etag,
  });
}

/** Returns a manifest line whose artifact is gone, as the protocol shows it. */
export function toGoneMessage(line: ManifestLine): MessageInitShape<typeof GoneArtifactSchema> {
  return {
    name: line.name,
    version: BigInt(line.version),
    sha256: line.sha256,
    sizeBytes: BigInt(line.size_bytes),
    contentType: line.content_type,
  };
}

/** Returns the explanation of a query, as the protocol shows it. */
export function toExplanationMessage(
  explanation: QueryExplanation,
): MessageInitShape<typeof QueryExplanationSchema> {
  return {
    filter: explanation.filter,
    driver: explanation.driver,
    tests: [...explanation.tests],
    entriesRead: BigInt(explanation.entriesRead),
    probes: BigInt(explanation.probes),
    recordsRead: BigInt(explanation.recordsRead),
    budget: BigInt(explanation.budget),
  };
}

const causes: Readonly<Record<PauseCause, StorePause_Cause>> = {
  clockSuspect: StorePause_Cause.CLOCK_SUSPECT,
  longGap: StorePause_Cause.LONG_GAP,
  manyOrphans: StorePause_Cause.MANY_ORPHANS,
  imported: StorePause_Cause.IMPORTED,
  inconsistent: StorePause_Cause.INCONSISTENT,
};

/** Returns the reason why maintenance waits, in the form of the protocol. */
export function toPauseMessage({ id, cause, startTime, message, objects }: Pause) {
  return {
    id,
    cause: causes[cause],
    startTime: timestampFromMs(startTime),
    message,
    objectCount: BigInt(objects?.count ?? 0),
    sizeBytes: BigInt(objects?.bytes ?? 0),
  };
}

/** Returns a damaged content in the form of the protocol. */
export function toQuarantinedMessage(
  content: QuarantinedContent,
): MessageInitShape<typeof QuarantinedContentSchema> {
  return {
    namespace: content.ns,
    sha256: content.sha256,
    sizeBytes: BigInt(content.size),
    quarantineTime: timestampFromMs(content.time),
    message: content.message,
    artifactIds: [...content.artifacts],
    artifactCount: BigInt(content.artifactCount),
  };
}
