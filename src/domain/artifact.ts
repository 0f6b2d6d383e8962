import type { Sha256 } from './digest.ts';
import type { ExpiryRequest, ExpirySource } from './expiry.ts';
import type { ArtifactId } from './ids.ts';
import type { Pairs } from './metadata.ts';
import type { ArtifactName, SessionId } from './names.ts';

/** An artifact in its present state. Times are milliseconds since the Unix epoch. */
export interface Artifact {
  readonly id: ArtifactId;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly metadata: Pairs;
  /** Keys of `metadata` that came from the session. */
  readonly inherited: readonly string[];
  readonly labels: Pairs;
  readonly inputs: readonly ArtifactId[];
  readonly createTime: number;
  readonly expireTime?: number;
  readonly expirySource: ExpirySource;
  readonly hold: boolean;
  /** The place of its commit in the session's feed: the order within a session. */
  readonly sequence: number;
  /** True if no later version of its name was ever committed. */
  readonly latest: boolean;
  readonly etag: string;
}

/** The description of an artifact that a caller is about to push; already checked. */
export interface ArtifactSpec {
  readonly session: SessionId;
  readonly name: ArtifactName;
  /** The type that the caller gave; undefined if the service may guess. */
  readonly contentType: string | undefined;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  readonly inputs: readonly ArtifactId[];
  readonly expiry: ExpiryRequest | undefined;
  readonly requestId: string | undefined;
  /** True: make a version in any case, even of identical content. Requires a request id. */
  readonly newVersion: boolean;
  /** The size that the caller asserts; checked against the bytes that arrive. */
  readonly sizeBytes: number | undefined;
  readonly sha256: Sha256 | undefined;
}

/** The effect of a push, in addition to the artifact. */
export interface Receipt {
  /** True: the latest version already had these bytes, and was returned instead of a new one. */
  readonly deduplicated: boolean;
  /** True: the request id was known. This is the artifact that the first call made. */
  readonly replayed: boolean;
  /** True: the returned artifact has other metadata, labels or inputs than this call gave. */
  readonly metadataDiffers: boolean;
  readonly labelsDiffer: boolean;
  readonly inputsDiffer: boolean;
  /** Bytes that did not have to be stored because the namespace already had them. */
  readonly bytesSaved: number;
}

/** A reference to one artifact: an id, or a session and name, at one version or at the latest. */
export type ArtifactTarget =
  | { readonly id: ArtifactId }
  | { readonly session: SessionId; readonly name: ArtifactName; readonly version?: number };
