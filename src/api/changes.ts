/** Updates: the fields of a request that count, and their values. */

import type { UpdateArtifactRequest } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import type { UpdateSessionRequest } from '../../gen/artifacta/v1/session_service_pb.ts';
import { invalid } from '../domain/errors.ts';
import { parsePairs } from '../domain/metadata.ts';
import type { ArtifactChanges } from '../store/artifacts/artifact-changes.ts';
import type { SessionChanges } from '../store/sessions/sessions.ts';
import { parseExpiry, parseMask } from './parse.ts';
import { parseRetention } from './retention.ts';

/**
 * Parses the changes of an artifact.
 *
 * @throws Failure INVALID_ARGUMENT for an unknown path of the mask, bad values, or a request without a change.
 */
export function parseArtifactChanges(request: UpdateArtifactRequest): ArtifactChanges {
  const { changes } = request;
  if (changes === undefined) throw invalid('changes', 'is required');
  const set: string[] = [];
  if (Object.keys(changes.labels).length > 0) set.push('labels');
  if (changes.expiry.case !== undefined) set.push('expire_time');
  if (changes.hold !== undefined) set.push('hold');
  const mask = parseMask(request.updateMask, ['labels', 'ttl', 'expire_time', 'hold'], set);
  if (mask.size === 0) throw invalid('changes', 'must name something to change');
  return {
    ...(mask.has('labels') ? { labels: parsePairs('changes.labels', Object.entries(changes.labels)) } : {}),
    ...(mask.has('ttl') || mask.has('expire_time')
      ? { expiry: parseExpiry('changes', changes.expiry) ?? 'never' }
      : {}),
    ...(mask.has('hold') ? { hold: changes.hold ?? false } : {}),
    ...(request.etag === '' ? {} : { etag: request.etag }),
  };
}

/** Parses the changes of a session. @throws Failure INVALID_ARGUMENT like {@link parseArtifactChanges}. */
export function parseSessionChanges(request: UpdateSessionRequest): SessionChanges {
  const { changes } = request;
  const set: string[] = [];
  if (changes !== undefined && Object.keys(changes.labels).length > 0) set.push('labels');
  if (changes?.retention !== undefined) set.push('retention');
  const mask = parseMask(request.updateMask, ['labels', 'retention'], set);
  if (mask.size === 0 && !request.touch) throw invalid('changes', 'must name something to change');
  const retention = changes?.retention;
  return {
    touch: request.touch,
    ...(mask.has('labels')
      ? { labels: parsePairs('changes.labels', Object.entries(changes?.labels ?? {})) }
      : {}),
    ...(mask.has('retention')
      ? { retention: retention ? parseRetention('changes.retention', retention) : { ttlMs: {} } }
      : {}),
    ...(request.etag === '' ? {} : { etag: request.etag }),
  };
}
