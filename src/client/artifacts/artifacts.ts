import { create } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { ErrorReason, ErrorReasonSchema } from '../../../gen/artifacta/v1/error_reason_pb.ts';
import { ArtifactaError, type Reason } from '../errors.ts';
import { type CallSettings, type Calls, onceIf, unary } from '../wire/calls.ts';
import { type Artifact, type ArtifactRef, artifactFrom, refMessage } from './artifact.ts';
import { type Expiry, expiryMessage } from './push-spec.ts';

/** The changes to make; a field that is not given stays. */
export interface ArtifactChanges extends CallSettings {
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Replaces the artifact's own expiry; null removes it. */
  readonly expiry?: Expiry | null;
  readonly hold?: boolean;
  /** Only if it still has this etag, else ABORTED with reason ETAG_MISMATCH. */
  readonly etag?: string;
}

/** Conditions of a deletion. */
export interface DeleteOptions extends CallSettings {
  /** Like {@link ArtifactChanges.etag}. */
  readonly etag?: string;
}

/** One result of several: the artifact, or the reason why it was not found. */
export type BatchResult = { readonly artifact: Artifact } | { readonly error: ArtifactaError };

/** The number of references that one call takes. */
const batchMax = 64;

/**
 * Returns the artifact that a reference names.
 *
 * @throws ArtifactaError with reason ARTIFACT_NOT_FOUND, ARTIFACT_EXPIRED or ARTIFACT_DELETED.
 */
export async function getArtifact(calls: Calls, ref: ArtifactRef, settings: CallSettings): Promise<Artifact> {
  const request = { artifact: refMessage(ref) };
  const answer = await unary(calls, settings, (options) => calls.artifacts.getArtifact(request, options));
  return artifactFrom(answer.artifact);
}

/** Returns one result for each reference, in their order. Each group of 64 is read at one instant. */
export async function batchGetArtifacts(
  calls: Calls,
  refs: readonly ArtifactRef[],
  settings: CallSettings,
): Promise<BatchResult[]> {
  const results: BatchResult[] = [];
  for (let at = 0; at < refs.length; at += batchMax) {
    const artifacts = refs.slice(at, at + batchMax).map(refMessage);
    const answer = await unary(calls, settings, (options) =>
      calls.artifacts.batchGetArtifacts({ artifacts }, options),
    );
    for (const { result } of answer.results) {
      if (result.case === 'artifact') results.push({ artifact: artifactFrom(result.value) });
      else results.push({ error: notFound(result.value?.reason, result.value?.message) });
    }
  }
  return results;
}

function notFound(number: ErrorReason = ErrorReason.UNSPECIFIED, message = 'not found'): ArtifactaError {
  const name = ErrorReasonSchema.value[number]?.localName as Reason | undefined;
  return new ArtifactaError(message, { code: 'NOT_FOUND', reason: name });
}

/**
 * Changes an artifact. With an etag the call is not repeated: after a lost answer the repetition would contradict the
 * first call.
 */
export async function updateArtifact(
  calls: Calls,
  ref: ArtifactRef,
  changes: ArtifactChanges,
): Promise<Artifact> {
  const paths: string[] = [];
  if (changes.labels !== undefined) paths.push('labels');
  if (changes.expiry !== undefined) paths.push('ttl');
  if (changes.hold !== undefined) paths.push('hold');
  const request = {
    artifact: refMessage(ref),
    changes: {
      labels: { ...changes.labels },
      expiry: expiryMessage(changes.expiry ?? undefined),
      ...(changes.hold === undefined ? {} : { hold: changes.hold }),
    },
    updateMask: create(FieldMaskSchema, { paths }),
    etag: changes.etag ?? '',
  };
  const answer = await onceIf(changes.etag !== undefined, calls, changes, (options) =>
    calls.artifacts.updateArtifact(request, options),
  );
  return artifactFrom(answer.artifact);
}

/** Deletes a version. True: it existed. False: nothing existed to delete. */
export async function deleteArtifact(
  calls: Calls,
  ref: ArtifactRef,
  options: DeleteOptions,
): Promise<boolean> {
  const request = { artifact: refMessage(ref), etag: options.etag ?? '' };
  const answer = await unary(calls, options, (call) => calls.artifacts.deleteArtifact(request, call));
  return answer.deleted;
}
