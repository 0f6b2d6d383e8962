import type { Sha256 } from './digest.ts';
import type { ExpiryRequest, ExpirySource } from './expiry.ts';
import type { ArtifactId } from './ids.ts';
import type { Pairs } from './metadata.ts';
import type { ArtifactName, SessionId } from './names.ts';

/** An artifact as it is now. Times are milliseconds since the Unix epoch. */
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
  /** Its number in the session's feed: the order within a session. */
  readonly sequence: number;
  /** No later version of its name was ever committed. */
  readonly latest: boolean;
  readonly etag: string;
}

/** What a caller says about an artifact that it is about to push; already checked. */
export interface ArtifactSpec {
  readonly session: SessionId;
  readonly name: ArtifactName;
  /** Given by the caller; undefined if the service may guess. */
  readonly contentType: string | undefined;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  readonly inputs: readonly ArtifactId[];
  readonly expiry: ExpiryRequest | undefined;
  readonly requestId: string | undefined;
  /** Always make a version, even of identical content. Requires a request id. */
  readonly newVersion: boolean;
  /** What the caller asserts; checked against what arrives. */
  readonly sizeBytes: number | undefined;
  readonly sha256: Sha256 | undefined;
}

/** What became of a push, beside the artifact. */
export interface Receipt {
  /** The latest version already had these bytes; it was returned instead of a new one. */
  readonly deduplicated: boolean;
  /** The request id was known: this is the artifact that the first call made. */
  readonly replayed: boolean;
  /** The artifact returned has other metadata, labels or inputs than this call gave. */
  readonly metadataDiffers: boolean;
  readonly labelsDiffer: boolean;
  readonly inputsDiffer: boolean;
  /** Bytes that did not have to be stored because the namespace already held them. */
  readonly bytesSaved: number;
}

/** Names one artifact: by id, or by session and name with a version or the latest. */
export type ArtifactTarget =
  | { readonly id: ArtifactId }
  | { readonly session: SessionId; readonly name: ArtifactName; readonly version?: number };
