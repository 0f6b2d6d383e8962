/**
 * The values that the index holds. Times are milliseconds since the Unix epoch, maps are lists of pairs sorted by
 * key. A change that older code could misread raises the format version of the store.
 */

import type { Sha256 } from '../domain/digest.ts';
import type { ArtifactId, SessionUid } from '../domain/ids.ts';
import type { Pairs } from '../domain/metadata.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Scope } from '../domain/principal.ts';
import type { Lease, Retention } from '../domain/retention.ts';

/** One a batch, in a ring: shows a lost tail and carries the clock over a restart. */
export interface CommitRecord {
  readonly seq: number;
  readonly epoch: number;
  readonly time: number;
  /** The commit that the ring begins with, after the index was rebuilt; absent when the ring is full again. */
  readonly since?: number;
}

/** A tenant. */
export interface NamespaceRecord {
  /** First part of the namespace's physical names; never reused. */
  readonly internalId: string;
  readonly createTime: number;
  readonly description?: string;
  readonly quota?: QuotaRecord;
  /** When description or quota last changed; absent: never. */
  readonly updateTime?: number;
  /** Grows with every change; the etag. Absent: 1. */
  readonly revision?: number;
}

/** What a namespace may hold at most; what is absent has no limit. */
export interface QuotaRecord {
  readonly sessions?: number;
  readonly artifacts?: number;
  readonly bytes?: number;
}

/** What a session id names. It outlives the session, so that the id cannot mean another one too soon. */
export interface SessionNameRecord {
  readonly uid: SessionUid;
  /** Set when the session was deleted or expired. */
  readonly goneSince?: number;
}

/** A session but for its expected outputs. Every commit into it rewrites this. */
export interface SessionRecord {
  readonly id: string;
  readonly uid: SessionUid;
  /** `sealing`: fenced, nothing commits any more, the manifest is not stored yet. */
  readonly state: 'open' | 'sealing' | 'sealed';
  readonly outcome?: Outcome;
  /** It was sealed as abandoned, and `outcome` was said afterwards. */
  readonly amended?: true;
  /** A push opened it; OpenSession may still set what a push cannot. */
  readonly implicit: boolean;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  /** There is a row of expected outputs. */
  readonly hasOutputs: boolean;
  readonly createTime: number;
  readonly updateTime: number;
  readonly sealTime?: number;
  /** The highest feed number given out. */
  readonly feed: number;
  /** Live artifacts, all versions, and their logical bytes. */
  readonly artifacts: number;
  readonly bytes: number;
  readonly holds: number;
  readonly manifest?: ManifestRecord;
  /** Its own copy. Absent: nothing expires by it. */
  readonly retention?: Retention;
  /** What its opener asked for; absent: the namespace's policy. */
  readonly askedRetention?: Retention;
  readonly lease?: Lease;
  /** Its retention keeps it, as one of the last of its kind. */
  readonly kept?: true;
  /** When it expires, from the fence on. Absent: never. */
  readonly expireTime?: number;
  /** No artifact with an expiry of its own ever had a later one. */
  readonly survivesUntil?: number;
  /** When something of it last went that had outlasted its expiry, or its expiry was set to the past. */
  readonly leftTime?: number;
  /** It was deleted: nothing of it is there for anybody. */
  readonly deleteTime?: number;
  /** It has expired and what goes with it is gone: it waits for those that survive. */
  readonly reaped?: true;
  /** Grows with every change that a client can make to the session itself; the etag. */
  readonly revision: number;
}

/** Apart from the session's record, which every commit rewrites. */
export interface OutputsRecord {
  /** Names, sorted bytewise. */
  readonly expected: readonly string[];
  /** Those without a live artifact at the seal; set then. */
  readonly missing?: readonly string[];
}

/** Digest, bytes and lines of a manifest; the content itself is a blob. */
export interface ManifestRecord {
  readonly sha256: Sha256;
  readonly size: number;
  readonly lines: number;
}

/** Everything about one version but its bytes. */
export interface ArtifactRecord {
  readonly id: ArtifactId;
  readonly uid: SessionUid;
  readonly session: string;
  readonly name: string;
  readonly version: number;
  readonly sha256: Sha256;
  readonly size: number;
  readonly contentType: string;
  /** With what was inherited from the session. */
  readonly metadata: Pairs;
  /** Which keys of `metadata` were inherited. */
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
  /** Absent: nothing expires by it. */
  readonly retention?: Retention;
  readonly updateTime: number;
  /** Grows with every change; the etag. */
  readonly revision: number;
}

/** The sessions of a kind that are kept, in the order of their seals. */
export interface KeptRecord {
  readonly sessions: readonly KeptSession[];
}

/** One of them. */
export interface KeptSession {
  readonly uid: SessionUid;
  readonly sealTime: number;
}

/** One a (session, name). It outlives its versions, so that a version number is never reused. */
export interface HeadRecord {
  readonly nextVersion: number;
  readonly latest: ArtifactId;
  /** The latest version was deleted: reading "latest" says so. */
  readonly deleted?: boolean;
  /** It had expired and was reaped: there is no such artifact. */
  readonly reaped?: boolean;
}

/** The artifact that is this version. */
export interface VersionRecord {
  readonly id: ArtifactId;
}

/** What happened in a session, under the number that orders it. */
export type FeedRecord =
  | { readonly kind: 'committed'; readonly id: ArtifactId }
  /** `time` is absent in rows of before it was kept. */
  | { readonly kind: 'deleted'; readonly id: ArtifactId; readonly time?: number }
  | { readonly kind: 'sealed'; readonly outcome: Outcome };

/** A content that is there. `size` in bytes. */
export interface BlobRecord {
  /** Absent: the content is inline, in the family blobBytes. */
  readonly name?: string;
  readonly size: number;
  /** Tells inline bytes from those whose place they took; of an object, its generation where the backend has such a thing. */
  readonly generation?: string;
  readonly refs: number;
  readonly quarantined?: boolean;
  /** When the last reference was removed most recently. Absent: never, or by a version that did not keep it. */
  readonly idleSince?: number;
}

/** Why a content is quarantined, for people, and since when. */
export interface QuarantineRecord {
  readonly time: number;
  readonly message: string;
}

/**
 * What a physical name is used for. A condemned one may be deleted from `notBefore` on and never lives again.
 */
export type PhysicalNameRecord =
  | { readonly state: 'live'; readonly sha256: Sha256 }
  | { readonly state: 'condemned'; readonly notBefore: number };

/** What is to be deleted under the name, `size` in bytes. */
export interface CondemnedRecord {
  readonly generation?: string;
  readonly size: number;
}

/** What a request id was used for; forgotten after `expireTime`. */
export interface RequestIdRecord {
  readonly fingerprint: string;
  readonly artifact: ArtifactId;
  readonly createTime: number;
  readonly expireTime: number;
}

/** A long-lived credential. The secret itself is nowhere. */
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
  /** The id of the pause for which it waits: a restore brought it. */
  readonly waits?: string;
}

/** A share link; its token is nowhere. */
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
  /** The subject of who made it. */
  readonly creator: string;
}

/** What was pushed with a token that may push only so much; forgotten after `expireTime`. */
export interface TokenUseRecord {
  readonly bytes: number;
  readonly expireTime: number;
}

/** A share of what a namespace uses. */
export interface UsageRecord {
  /** Open and sealed. */
  readonly sessions: number;
  /** Live artifacts, all versions. */
  readonly artifacts: number;
  /** Their logical bytes: each artifact counts in full. */
  readonly bytes: number;
}
