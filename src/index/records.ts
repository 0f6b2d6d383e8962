/**
 * The values in the index. Times are milliseconds since the Unix epoch; maps are lists of pairs sorted by key. A change
 * that older code could misread raises the format version of the store.
 */

import type { Sha256 } from '../domain/digest.ts';
import type { ArtifactId, SessionUid } from '../domain/ids.ts';
import type { Pairs } from '../domain/metadata.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Scope } from '../domain/principal.ts';
import type { Lease, Retention } from '../domain/retention.ts';

/** One per batch, in a ring: shows a lost tail and carries the clock over a restart. */
export interface CommitRecord {
  readonly seq: number;
  readonly epoch: number;
  readonly time: number;
  /** The commit with which the ring begins, after the index was rebuilt; absent when the ring is full again. */
  readonly since?: number;
}

/** A tenant. */
export interface NamespaceRecord {
  /** The first part of the namespace's physical names; never reused. */
  readonly internalId: string;
  readonly createTime: number;
  readonly description?: string;
  readonly quota?: QuotaRecord;
  /** The time of the last change of description or quota; absent: never. */
  readonly updateTime?: number;
  /** Grows with every change; the etag. Absent: 1. */
  readonly revision?: number;
}

/** The most that a namespace may contain; an absent field means no limit. */
export interface QuotaRecord {
  readonly sessions?: number;
  readonly artifacts?: number;
  readonly bytes?: number;
}

/**
 * The session that an id names. This record outlives the session, so that the id cannot mean another session too soon.
 */
export interface SessionNameRecord {
  readonly uid: SessionUid;
  /** Set when the session was deleted or expired. */
  readonly goneSince?: number;
}

/** A session without its expected outputs. Every commit into it rewrites this record. */
export interface SessionRecord {
  readonly id: string;
  readonly uid: SessionUid;
  /** `sealing`: the session is fenced, nothing commits any more, and the manifest is not stored yet. */
  readonly state: 'open' | 'sealing' | 'sealed';
  readonly outcome?: Outcome;
  /** The session was sealed as abandoned, and its `outcome` was set afterwards. */
  readonly amended?: true;
  /** A push opened the session; OpenSession may still set what a push cannot. */
  readonly implicit: boolean;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  /** A row of expected outputs exists. */
  readonly hasOutputs: boolean;
  readonly createTime: number;
  readonly updateTime: number;
  readonly sealTime?: number;
  /** The highest sequence of its feed. */
  readonly feed: number;
  /** The number of live artifacts, all versions, and their logical bytes. */
  readonly artifacts: number;
  readonly bytes: number;
  readonly holds: number;
  readonly manifest?: ManifestRecord;
  /** The session's own copy. Absent: nothing expires by it. */
  readonly retention?: Retention;
  /** The retention that its opener asked for; absent: the namespace's policy. */
  readonly askedRetention?: Retention;
  readonly lease?: Lease;
  /** Its retention keeps the session, as one of the last of its kind. */
  readonly kept?: true;
  /** The time when the session expires, from the fence on. Absent: never. */
  readonly expireTime?: number;
  /** No artifact of the session ever had an expiry of its own that was later than this. */
  readonly survivesUntil?: number;
  /**
   * The last time when something of the session went after it had outlasted the session's expiry, or when its expiry
   * was set to the past.
   */
  readonly leftTime?: number;
  /** The session was deleted: nothing of it exists for any caller. */
  readonly deleteTime?: number;
  /** The session has expired, and the things that go with it are gone: it waits for its survivors. */
  readonly reaped?: true;
  /** Grows with every change that a client can make to the session itself; the etag. */
  readonly revision: number;
}

/** Separate from the session's record, which every commit rewrites. */
export interface OutputsRecord {
  /** Names, sorted bytewise. */
  readonly expected: readonly string[];
  /** The outputs without a live artifact at the seal; set then. */
  readonly missing?: readonly string[];
}

/** Digest, bytes and lines of a manifest; the content itself is a blob. */
export interface ManifestRecord {
  readonly sha256: Sha256;
  readonly size: number;
  readonly lines: number;
}

/** All fields of one version, without its bytes. */
export interface ArtifactRecord {
  readonly id: ArtifactId;
  readonly uid: SessionUid;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly sha256: Sha256;
  readonly size: number;
  readonly contentType: string;
  /** Includes the metadata inherited from the session. */
  readonly metadata: Pairs;
  /** The keys of `metadata` that were inherited. */
  readonly inherited: readonly string[];
  readonly labels: Pairs;
  readonly inputs: readonly ArtifactId[];
  readonly createTime: number;
  readonly feed: number;
  /** The artifact's own expiry. */
  readonly expireTime?: number;
  readonly hold: boolean;
  /** Grows with every update; the etag. */
  readonly revision: number;
}

/** The retention of a namespace. */
export interface PolicyRecord {
  /** Absent: nothing expires by this policy. */
  readonly retention?: Retention;
  readonly updateTime: number;
  /** Grows with every change; the etag. */
  readonly revision: number;
}

/** The kept sessions of a kind, in the order of their seals. */
export interface KeptRecord {
  readonly sessions: readonly KeptSession[];
}

/** One of these sessions. */
export interface KeptSession {
  readonly uid: SessionUid;
  readonly sealTime: number;
}

/** One per (session, name). It outlives its versions, so that a version number is never reused. */
export interface HeadRecord {
  readonly nextVersion: number;
  readonly latest: ArtifactId;
  /** The latest version was deleted: reading "latest" says so. */
  readonly deleted?: boolean;
  /** The latest version had expired and was reaped: no such artifact exists. */
  readonly reaped?: boolean;
}

/** The id of the artifact that is this version. */
export interface VersionRecord {
  readonly id: ArtifactId;
}

/** An event of a session, under the number that orders it. */
export type FeedRecord =
  | { readonly kind: 'committed'; readonly id: ArtifactId }
  /** `time` is absent in rows that were written before it was kept. */
  | { readonly kind: 'deleted'; readonly id: ArtifactId; readonly time?: number }
  | { readonly kind: 'sealed'; readonly outcome: Outcome };

/** A content that exists. `size` in bytes. */
export interface BlobRecord {
  /** Absent: the content is inline, see {@link bytesTime}. */
  readonly name?: string;
  /**
   * The time when the inline bytes were stored. It is a part of the key of their row, which is in the family
   * blobBytesByTime. Absent for a file, and for bytes that an earlier release stored: their row is in blobBytes.
   */
  readonly bytesTime?: number;
  readonly size: number;
  /**
   * Distinguishes inline bytes from those that they replaced. For an object: its generation, if the backend has
   * generations.
   */
  readonly generation?: string;
  /** The CRC32C of an object in base64, as the backend computed it when it was written; absent with the generation. */
  readonly crc32c?: string;
  readonly refs: number;
  readonly quarantined?: boolean;
  /**
   * The time when the last reference was removed most recently. Absent: never, or by a version that did not keep it.
   */
  readonly idleSince?: number;
}

/** The reason for the quarantine of a content, for people, and its start. */
export interface QuarantineRecord {
  readonly time: number;
  readonly message: string;
}

/**
 * The use of a physical name. A condemned name may be deleted from `notBefore` on. It never lives again, except if it
 * awaited an upload by a client: it is condemned from the beginning, and an upload that is finished in time saves it.
 */
export type PhysicalNameRecord =
  | { readonly state: 'live'; readonly sha256: Sha256 }
  | { readonly state: 'condemned'; readonly notBefore: number };

/** The file to delete under the name, `size` in bytes; 0 if it is not known to exist. */
export interface CondemnedRecord {
  readonly generation?: string;
  readonly size: number;
  /** The time when the name is deleted once more: until then a client could still write a file there. */
  readonly again?: number;
}

/** The use of a request id; forgotten after `expireTime`. */
export interface RequestIdRecord {
  readonly fingerprint: string;
  readonly artifact: ArtifactId;
  readonly createTime: number;
  readonly expireTime: number;
}

/** A long-lived credential. The secret itself is stored nowhere. */
export interface ApiKeyRecord {
  readonly ns: string;
  /** SHA-256 of the secret, base64url. */
  readonly secretHash: string;
  readonly description: string;
  /** Sorted. */
  readonly scopes: readonly Scope[];
  readonly operator: boolean;
  readonly createTime: number;
  readonly expireTime?: number;
  readonly revokeTime?: number;
  /** The id of the pause for which the key waits: a restore brought it. */
  readonly waits?: string;
}

/** A share link; its token is stored nowhere. */
export interface ShareLinkRecord {
  readonly ns: string;
  readonly artifact: ArtifactId;
  readonly uid: SessionUid;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly createTime: number;
  readonly expireTime: number;
  readonly revokeTime?: number;
  /** As {@link ApiKeyRecord.waits}. */
  readonly waits?: string;
  /** The subject of the creator. */
  readonly creator: string;
}

/** The bytes that were pushed with a token that may push a limited number; forgotten after `expireTime`. */
export interface TokenUseRecord {
  readonly bytes: number;
  readonly expireTime: number;
}

/** A share of the usage of a namespace. */
export interface UsageRecord {
  /** Open and sealed sessions. */
  readonly sessions: number;
  /** Live artifacts, all versions. */
  readonly artifacts: number;
  /** Their logical bytes: each artifact counts in full. */
  readonly bytes: number;
}
