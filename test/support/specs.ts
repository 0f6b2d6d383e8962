/** Short forms of what the store takes, for tests that call it directly. */
import type { ArtifactSpec, ArtifactTarget } from '../../src/domain/artifact.ts';
import type { ArtifactId } from '../../src/domain/ids.ts';
import { parsePairs } from '../../src/domain/metadata.ts';
import { parseArtifactName, parseNamespace, parseSessionId } from '../../src/domain/names.ts';
import { localOperator } from '../../src/domain/principal.ts';
import type { SessionSpec } from '../../src/store/sessions.ts';

export const tester = localOperator(parseNamespace('namespace', 'default'));

export function specOf(spec: {
  readonly session: string;
  readonly name: string;
  readonly metadata?: Record<string, string>;
  readonly labels?: Record<string, string>;
  readonly inputs?: readonly ArtifactId[];
  readonly ttlMs?: number | undefined;
  readonly requestId?: string | undefined;
}): ArtifactSpec {
  return {
    session: parseSessionId('session', spec.session),
    name: parseArtifactName('name', spec.name),
    contentType: undefined,
    metadata: parsePairs('metadata', Object.entries(spec.metadata ?? {})),
    labels: parsePairs('labels', Object.entries(spec.labels ?? {})),
    inputs: spec.inputs ?? [],
    expiry: spec.ttlMs === undefined ? undefined : { ttlMs: spec.ttlMs },
    requestId: spec.requestId,
    newVersion: false,
    sizeBytes: undefined,
    sha256: undefined,
  };
}

export function sessionNamed(id: string, metadata: Record<string, string> = {}): SessionSpec {
  return {
    id: parseSessionId('session', id),
    metadata: parsePairs('metadata', Object.entries(metadata)),
    labels: [],
    expectedOutputs: [],
  };
}

export function target(session: string, name: string): ArtifactTarget {
  return { session: parseSessionId('session', session), name: parseArtifactName('name', name) };
}
