import { create } from '@bufbuild/protobuf';
import {
  type Artifact as ArtifactMessage,
  type ArtifactRef as ArtifactRefMessage,
  ArtifactRefSchema,
  ExpirySource,
} from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { dateOf } from '../wire/times.ts';

/** The record of an artifact. */
export interface Artifact {
  /** `art_` and 26 characters. */
  readonly id: string;
  readonly session: string;
  /** In Unicode NFC; `/` separates segments. */
  readonly name: string;
  /** 1, 2, 3… among the versions of this session and name. */
  readonly version: number;
  /** 64 lower-case hexadecimal characters. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The keys of `metadata` that came from the session. */
  readonly inheritedMetadataKeys: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** The ids of the artifacts that the pushed one was made from. */
  readonly inputs: readonly string[];
  readonly createTime: Date;
  /** Undefined: at present it has no expiry. */
  readonly expireTime: Date | undefined;
  readonly expirySource: 'none' | 'artifact' | 'session_policy';
  /** True: it neither expires nor can be deleted. */
  readonly hold: boolean;
  /** Its place in the session's feed, from 1, with gaps. */
  readonly sequence: number;
  /** True if no higher version of this name was ever committed. */
  readonly latest: boolean;
  /** The etag for conditional changes. */
  readonly etag: string;
}

/** A reference to one artifact: by id, or by name at one version or (without `version`) at the latest. */
export type ArtifactRef =
  | string
  | { readonly id: string }
  | { readonly session: string; readonly name: string; readonly version?: number | undefined };

/** Returns the message as a plain value. */
export function artifactFrom(message: ArtifactMessage | undefined): Artifact {
  if (message === undefined) {
    throw new ArtifactaError('the answer has no artifact', { code: 'INTERNAL' });
  }
  return {
    id: message.id,
    session: message.session,
    name: message.name,
    version: Number(message.version),
    sha256: message.sha256,
    sizeBytes: Number(message.sizeBytes),
    contentType: message.contentType,
    metadata: message.metadata,
    inheritedMetadataKeys: message.inheritedMetadataKeys,
    labels: message.labels,
    inputs: message.inputs,
    createTime: dateOf(message.createTime) ?? new Date(0),
    expireTime: dateOf(message.expireTime),
    expirySource: expirySourceOf(message.expirySource),
    hold: message.hold,
    sequence: Number(message.sequence),
    latest: message.latest,
    etag: message.etag,
  };
}

function expirySourceOf(source: ExpirySource): Artifact['expirySource'] {
  if (source === ExpirySource.ARTIFACT) return 'artifact';
  return source === ExpirySource.SESSION_POLICY ? 'session_policy' : 'none';
}

/** Returns the message for a reference; a string is an id. */
export function refMessage(ref: ArtifactRef): ArtifactRefMessage {
  if (typeof ref === 'string') return create(ArtifactRefSchema, { by: { case: 'id', value: ref } });
  if ('id' in ref) return create(ArtifactRefSchema, { by: { case: 'id', value: ref.id } });
  const version = ref.version === undefined ? {} : { version: BigInt(ref.version) };
  return create(ArtifactRefSchema, {
    by: { case: 'name', value: { session: ref.session, name: ref.name, ...version } },
  });
}
