/** Artifacts and sessions in the form that tools answer with, and its schemas. */
import { Buffer } from 'node:buffer';
import * as z from 'zod/v4';
import type { Artifact } from '../client/artifacts/artifact.ts';
import type { Session } from '../client/sessions/session.ts';

/** The largest map in a list, and alone, in bytes of JSON. */
const mapBytesMax = { list: 1_024, alone: 6 * 1024 } as const;
const namesMax = 64;
const namesBytesMax = 4 * 1024;

const textMap = z.record(z.string(), z.string());
const count = z.number().int();

/** An artifact in the answer of a tool that is about it. */
export const artifactBrief = z.object({
  id: z.string().describe('names exactly this version, forever'),
  session: z.string(),
  name: z.string(),
  version: count,
  size_bytes: count,
  content_type: z.string(),
  sha256: z.string(),
});

/** An artifact in a list. */
export const artifactLine = artifactBrief.extend({
  latest: z.boolean(),
  create_time: z.string(),
  expire_time: z.string().optional(),
  metadata: textMap,
  metadata_cut: z.literal(true).optional().describe('some metadata was left out; `show` has all of it'),
});

/** All that is known about an artifact. */
export const artifactWhole = artifactLine.extend({
  labels: textMap,
  labels_cut: z.literal(true).optional(),
  inputs: z.array(z.string()).describe('ids of the artifacts that it was made from'),
  hold: z.boolean(),
  expiry_source: z.enum(['none', 'artifact', 'session_policy']),
  sequence: count,
  etag: z.string(),
});

/** A session in a list. */
export const sessionLine = z.object({
  id: z.string(),
  state: z.enum(['open', 'sealing', 'sealed']),
  outcome: z.enum(['succeeded', 'failed', 'cancelled', 'abandoned']).optional(),
  create_time: z.string(),
  seal_time: z.string().optional(),
  expire_time: z.string().optional(),
  artifact_count: count,
  size_bytes: count,
  metadata: textMap,
  metadata_cut: z.literal(true).optional(),
});

/** A session in the answer of a tool that is about it. */
export const sessionBrief = sessionLine.omit({ metadata: true, metadata_cut: true }).extend({
  missing_outputs: z
    .array(z.string())
    .optional()
    .describe('names of expected outputs for which no artifact exists'),
});

/** All that is known about a session. */
export const sessionWhole = sessionLine.extend({
  labels: textMap,
  labels_cut: z.literal(true).optional(),
  expected_outputs: z.array(z.string()),
  missing_outputs: z.array(z.string()).describe('names of expected outputs for which no artifact exists'),
  names_cut: z.literal(true).optional().describe('some expected or missing outputs were left out'),
  lease_expire_time: z.string().optional(),
  manifest_sha256: z.string().optional(),
});

/** Returns an artifact in few words. */
export function briefArtifact(artifact: Artifact): z.infer<typeof artifactBrief> {
  return {
    id: artifact.id,
    session: artifact.session,
    name: artifact.name,
    version: artifact.version,
    size_bytes: artifact.sizeBytes,
    content_type: artifact.contentType,
    sha256: artifact.sha256,
  };
}

/** Returns a session in few words. */
export function briefSession(session: Session): z.infer<typeof sessionBrief> {
  const { names } = fewNames(session.missingOutputs);
  return { ...basicSession(session), ...(names.length > 0 && { missing_outputs: names }) };
}

/** Returns an artifact for a list. */
export function lineOfArtifact(artifact: Artifact): z.infer<typeof artifactLine> {
  return withMetadata(artifact, 'list');
}

/** Returns an artifact with everything. */
export function wholeArtifact(artifact: Artifact): z.infer<typeof artifactWhole> {
  const labels = cut(artifact.labels, 'alone');
  return {
    ...withMetadata(artifact, 'alone'),
    labels: labels.map,
    ...(labels.isCut && { labels_cut: true as const }),
    inputs: [...artifact.inputs],
    hold: artifact.hold,
    expiry_source: artifact.expirySource,
    sequence: artifact.sequence,
    etag: artifact.etag,
  };
}

function withMetadata(artifact: Artifact, size: keyof typeof mapBytesMax) {
  const metadata = cut(artifact.metadata, size);
  return {
    ...briefArtifact(artifact),
    latest: artifact.latest,
    create_time: artifact.createTime.toISOString(),
    ...time('expire_time', artifact.expireTime),
    metadata: metadata.map,
    ...(metadata.isCut && { metadata_cut: true as const }),
  };
}

/** Returns a session for a list. */
export function lineOfSession(session: Session): z.infer<typeof sessionLine> {
  return sessionWith(session, 'list');
}

/** Returns a session with everything. */
export function wholeSession(session: Session): z.infer<typeof sessionWhole> {
  const labels = cut(session.labels, 'alone');
  const expected = fewNames(session.expectedOutputs);
  const missing = fewNames(session.missingOutputs);
  return {
    ...sessionWith(session, 'alone'),
    labels: labels.map,
    ...(labels.isCut && { labels_cut: true as const }),
    expected_outputs: expected.names,
    missing_outputs: missing.names,
    ...((expected.isCut || missing.isCut) && { names_cut: true as const }),
    ...time('lease_expire_time', session.lease?.expireTime),
    ...(session.manifest !== undefined && { manifest_sha256: session.manifest.sha256 }),
  };
}

function sessionWith(session: Session, size: keyof typeof mapBytesMax) {
  const metadata = cut(session.metadata, size);
  return {
    ...basicSession(session),
    metadata: metadata.map,
    ...(metadata.isCut && { metadata_cut: true as const }),
  };
}

function basicSession(session: Session) {
  return {
    id: session.id,
    state: session.state,
    ...(session.outcome !== undefined && { outcome: session.outcome }),
    create_time: session.createTime.toISOString(),
    ...time('seal_time', session.sealTime),
    ...time('expire_time', session.expireTime),
    artifact_count: session.artifactCount,
    size_bytes: session.sizeBytes,
  };
}

function time<K extends string>(key: K, value: Date | undefined): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value.toISOString() }) as { [P in K]?: string };
}

/** Returns the entries that fit, in their order. One that does not fit is left out, not shortened. */
function cut(map: Readonly<Record<string, string>>, size: keyof typeof mapBytesMax) {
  let left = mapBytesMax[size];
  const kept: [string, string][] = [];
  const entries = Object.entries(map);
  for (const [key, value] of entries) {
    const bytes = jsonBytes(key) + jsonBytes(value) + 2;
    if (bytes > left) continue;
    left -= bytes;
    kept.push([key, value]);
  }
  return { map: Object.fromEntries(kept), isCut: kept.length < entries.length };
}

function fewNames(names: readonly string[]): { readonly names: string[]; readonly isCut: boolean } {
  let left = namesBytesMax;
  const kept = names.slice(0, namesMax).filter((name) => {
    left -= jsonBytes(name) + 1;
    return left >= 0;
  });
  return { names: kept, isCut: kept.length < names.length };
}

/** Returns the number of bytes of a value in an answer. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Returns an artifact in one line of text. */
export function textOfArtifact(artifact: Artifact): string {
  const { id, session, name, version, sizeBytes, contentType } = artifact;
  return `${id}  ${session}/${name}  v${version}  ${sizeBytes} bytes  ${contentType}`;
}

/** Returns a session in one line of text. */
export function textOfSession(session: Session): string {
  const { id, state, outcome, artifactCount } = session;
  return `${id}  ${outcome ?? state}  ${artifactCount} artifacts  ${session.createTime.toISOString()}`;
}
