import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ArtifactSpec, ArtifactSpecSchema, type Receipt } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { CallSettings } from '../wire/calls.ts';
import { durationOf } from '../wire/times.ts';
import type { Artifact } from './artifact.ts';

/** When an artifact expires: this long after its commit, in milliseconds, or at an instant. */
export type Expiry = { readonly ttlMs: number } | { readonly expireTime: Date };

/** The artifact to make of the bytes. */
export interface PushSpec {
  /** The session id; an unknown session is opened. */
  readonly session: string;
  /** The name in the session; `/` separates segments. */
  readonly name: string;
  /** The media type. Default: the service guesses it from the name. */
  readonly contentType?: string | undefined;
  /** Provenance, immutable. At most 32 keys and 8 KiB. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Annotations that may change. Same limits. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The ids of at most 64 artifacts that it was made from. */
  readonly inputs?: readonly string[] | undefined;
  /** Default: the session's retention decides. */
  readonly expiry?: Expiry | undefined;
  /** Makes a repetition by another process safe. Default: a new UUID for this push and its own repetitions. */
  readonly requestId?: string | undefined;
  /** Always make a new version, even of equal bytes. Default false. */
  readonly newVersion?: boolean | undefined;
}

/** The progress of a push. A repetition after a lost connection begins at 0 again. */
export interface PushProgress {
  /** Large contents that can be read twice are hashed before they are sent, and sometimes not sent at all. */
  readonly phase: 'hashing' | 'sending';
  readonly bytes: number;
}

/** The settings of a push in addition to its specification. */
export interface PushSettings extends CallSettings {
  /** Called after each piece. Contents that are sent in one message are not reported. */
  readonly onProgress?: ((progress: PushProgress) => void) | undefined;
  /**
   * Whether the bytes may go straight to the bucket of the service, if it offers that. It counts for contents of 8 MiB and
   * more that can be read twice. The service reads them back before it answers. Bytes that the bucket does not take are
   * sent to the service, and so are those of a page. Default false.
   */
  readonly direct?: boolean | undefined;
}

/** What to make of the bytes, and how to push them. */
export interface PushOptions extends PushSpec, PushSettings {}

/** The durable result of a push: what it made or found. */
export interface Pushed {
  readonly artifact: Artifact;
  /**
   * What it was: the `new` first version of a name, a further `version`, the latest version `unchanged`, or the
   * `replayed` result of an earlier push with this request id.
   */
  readonly effect: 'new' | 'version' | 'unchanged' | 'replayed';
  /** True: the latest version had the same bytes. It was returned, and nothing was made. */
  readonly deduplicated: boolean;
  /** True: an earlier push with this request id succeeded. This is its result. */
  readonly replayed: boolean;
  /** True: the returned artifact lacks requested metadata. Only if deduplicated, like the next two. */
  readonly metadataDiffers: boolean;
  readonly labelsDiffer: boolean;
  readonly inputsDiffer: boolean;
  /** The number of bytes that did not have to be stored, since the namespace had them. */
  readonly bytesSaved: number;
}

/** Returns the expiry in the form of messages. */
export function expiryMessage(expiry: Expiry | undefined) {
  if (expiry === undefined) return { case: undefined };
  if ('ttlMs' in expiry) return { case: 'ttl', value: durationOf(expiry.ttlMs) } as const;
  return { case: 'expireTime', value: timestampFromDate(expiry.expireTime) } as const;
}

/** Returns the message. `asserted` has the facts about the bytes that the client knows before it sends them. */
export function specMessage(
  spec: PushSpec,
  requestId: string,
  asserted: { sizeBytes?: number | undefined; sha256?: string | undefined },
): ArtifactSpec {
  return create(ArtifactSpecSchema, {
    session: spec.session,
    name: spec.name,
    contentType: spec.contentType ?? '',
    metadata: { ...spec.metadata },
    labels: { ...spec.labels },
    inputs: [...(spec.inputs ?? [])],
    expiry: expiryMessage(spec.expiry),
    requestId,
    newVersion: spec.newVersion ?? false,
    sha256: asserted.sha256 ?? '',
    ...(asserted.sizeBytes === undefined ? {} : { sizeBytes: BigInt(asserted.sizeBytes) }),
  });
}

/** Returns the result of a push: what it has made or found. */
export function pushedFrom(artifact: Artifact, receipt: Receipt | undefined): Pushed {
  return {
    artifact,
    effect: effectOf(artifact, receipt),
    deduplicated: receipt?.deduplicated ?? false,
    replayed: receipt?.replayed ?? false,
    metadataDiffers: receipt?.metadataDiffers ?? false,
    labelsDiffer: receipt?.labelsDiffer ?? false,
    inputsDiffer: receipt?.inputsDiffer ?? false,
    bytesSaved: Number(receipt?.bytesSaved ?? 0n),
  };
}

function effectOf({ version }: Artifact, receipt: Receipt | undefined): Pushed['effect'] {
  if (receipt?.replayed) return 'replayed';
  if (receipt?.deduplicated) return 'unchanged';
  return version === 1 ? 'new' : 'version';
}
