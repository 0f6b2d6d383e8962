import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { GoneArtifact } from '../../client/artifacts/gone.ts';
import type { LineageEdge } from '../../client/artifacts/lineage.ts';
import type { Pushed } from '../../client/artifacts/push-spec.ts';
import type { Difference } from '../../client/sessions/comparison.ts';
import type { Session } from '../../client/sessions/session.ts';

// The objects that scripts read. Members are only ever added. Times are RFC 3339; an absent member is null, never
// missing.

/** Returns an artifact. */
export function artifactJson(artifact: Artifact) {
  return {
    id: artifact.id,
    session: artifact.session,
    name: artifact.name,
    version: artifact.version,
    sha256: artifact.sha256,
    size_bytes: artifact.sizeBytes,
    content_type: artifact.contentType,
    metadata: artifact.metadata,
    inherited_metadata_keys: artifact.inheritedMetadataKeys,
    labels: artifact.labels,
    inputs: artifact.inputs,
    create_time: artifact.createTime.toISOString(),
    expire_time: artifact.expireTime?.toISOString() ?? null,
    expiry_source: artifact.expirySource,
    hold: artifact.hold,
    sequence: artifact.sequence,
    latest: artifact.latest,
    etag: artifact.etag,
  };
}

/** Returns a line of a manifest whose artifact is gone. It has no id any more. */
export function goneJson(gone: GoneArtifact) {
  return {
    session: gone.session,
    name: gone.name,
    version: gone.version,
    sha256: gone.sha256,
    size_bytes: gone.sizeBytes,
    content_type: gone.contentType,
    gone: true,
  };
}

/** Returns an edge of lineage. */
export function lineageJson({ derivedId, inputId, depth, artifact }: LineageEdge) {
  return {
    derived_id: derivedId,
    input_id: inputId,
    depth,
    artifact: artifact === undefined ? null : artifactJson(artifact),
  };
}

/** Returns the difference of a name. */
export function differenceJson({ name, kind, base, compared }: Difference) {
  return {
    name,
    kind: kind.toUpperCase(),
    base: base === undefined ? null : artifactJson(base),
    compared: compared === undefined ? null : artifactJson(compared),
  };
}

/** Returns what a push made or found. */
export function pushedJson(pushed: Pushed) {
  return {
    ...artifactJson(pushed.artifact),
    deduplicated: pushed.deduplicated,
    replayed: pushed.replayed,
    metadata_differs: pushed.metadataDiffers,
    labels_differ: pushed.labelsDiffer,
    inputs_differ: pushed.inputsDiffer,
    bytes_saved: pushed.bytesSaved,
  };
}

/** Returns a session. */
export function sessionJson(session: Session) {
  const { lease, manifest, retention } = session;
  return {
    id: session.id,
    uid: session.uid,
    state: session.state,
    outcome: session.outcome ?? null,
    metadata: session.metadata,
    labels: session.labels,
    create_time: session.createTime.toISOString(),
    update_time: session.updateTime?.toISOString() ?? null,
    seal_time: session.sealTime?.toISOString() ?? null,
    expire_time: session.expireTime?.toISOString() ?? null,
    artifact_count: session.artifactCount,
    size_bytes: session.sizeBytes,
    hold_count: session.holdCount,
    last_sequence: session.lastSequence,
    expected_outputs: session.expectedOutputs,
    missing_outputs: session.missingOutputs,
    retention: retentionJson(retention),
    kept: session.kept,
    lease: lease
      ? { duration_seconds: lease.durationMs / 1_000, expire_time: lease.expireTime?.toISOString() ?? null }
      : null,
    manifest: manifest
      ? { sha256: manifest.sha256, size_bytes: manifest.sizeBytes, line_count: manifest.lineCount }
      : null,
    etag: session.etag,
  };
}

/** Returns retention as it is printed. */
export function retentionJson(retention: Session['retention']) {
  const seconds = (ms: number | undefined) => (ms === undefined ? null : ms / 1_000);
  return {
    succeeded_ttl_seconds: seconds(retention.succeededTtlMs),
    failed_ttl_seconds: seconds(retention.failedTtlMs),
    cancelled_ttl_seconds: seconds(retention.cancelledTtlMs),
    abandoned_ttl_seconds: seconds(retention.abandonedTtlMs),
    keep_last: retention.keepLast
      ? {
          count: retention.keepLast.count,
          metadata_key: retention.keepLast.metadataKey,
          outcomes: retention.keepLast.outcomes ?? [],
        }
      : null,
  };
}
