/** Short forms of what the store takes, for tests that call it directly. */
import type { ArtifactSpec, ArtifactTarget } from '../../src/domain/artifact.ts';
import { parseSha256 } from '../../src/domain/digest.ts';
import type { ExpiryRequest } from '../../src/domain/expiry.ts';
import type { ArtifactId } from '../../src/domain/ids.ts';
import { parsePairs } from '../../src/domain/metadata.ts';
import { parseArtifactName, parseNamespace, parseSessionId } from '../../src/domain/names.ts';
import { localOperator, type Principal } from '../../src/domain/principal.ts';
import type { ArtifactQuery } from '../../src/store/queries/listing.ts';
import type { SessionSpec } from '../../src/store/sessions/sessions.ts';
import { sha256 } from './calls.ts';

export const tester = localOperator(parseNamespace('namespace', 'default'));

/** Somebody else, or somebody elsewhere. */
export function principalOf(who: { readonly namespace?: string; readonly subject?: string }): Principal {
  const { namespace = 'default', subject = 'local' } = who;
  return { ...localOperator(parseNamespace('namespace', namespace)), subject };
}

export function specOf(spec: {
  readonly session: string;
  readonly name: string;
  readonly contentType?: string | undefined;
  readonly metadata?: Record<string, string>;
  readonly labels?: Record<string, string>;
  readonly inputs?: readonly ArtifactId[];
  readonly ttlMs?: number | undefined;
  readonly expiry?: ExpiryRequest;
  readonly requestId?: string | undefined;
  readonly newVersion?: boolean;
  readonly sizeBytes?: number;
  readonly sha256?: string;
}): ArtifactSpec {
  return {
    session: parseSessionId('session', spec.session),
    name: parseArtifactName('name', spec.name),
    contentType: spec.contentType,
    metadata: parsePairs('metadata', Object.entries(spec.metadata ?? {})),
    labels: parsePairs('labels', Object.entries(spec.labels ?? {})),
    inputs: spec.inputs ?? [],
    expiry: spec.expiry ?? (spec.ttlMs === undefined ? undefined : { ttlMs: spec.ttlMs }),
    requestId: spec.requestId,
    newVersion: spec.newVersion ?? false,
    sizeBytes: spec.sizeBytes,
    sha256: spec.sha256 === undefined ? undefined : parseSha256(spec.sha256),
  };
}

/** What names these bytes by their digest. */
export function digestOf(bytes: Uint8Array) {
  return { sha256: parseSha256(sha256(bytes))!, sizeBytes: bytes.length };
}

export function sessionNamed(id: string, metadata: Record<string, string> = {}): SessionSpec {
  return {
    id: parseSessionId('session', id),
    metadata: parsePairs('metadata', Object.entries(metadata)),
    labels: [],
    expectedOutputs: [],
  };
}

export function target(session: string, name: string, version?: number): ArtifactTarget {
  return {
    session: parseSessionId('session', session),
    name: parseArtifactName('name', name),
    ...(version === undefined ? {} : { version }),
  };
}

/** A listing of the latest versions of a session, newest first, unless said otherwise. */
export function queryOf(
  session: string,
  query: Partial<Omit<ArtifactQuery, 'session' | 'name'>> & { readonly name?: string | undefined } = {},
): ArtifactQuery {
  return {
    oldestFirst: false,
    allVersions: false,
    showGone: false,
    filter: '',
    pageSize: 100,
    pageToken: '',
    ...query,
    session: parseSessionId('session', session),
    name: query.name === undefined ? undefined : parseArtifactName('name', query.name),
  };
}
