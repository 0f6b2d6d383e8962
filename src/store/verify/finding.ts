/** What a check of the store finds, and what would mend it. */
import type { Sha256 } from '../../domain/digest.ts';
import type { ArtifactRecord, HeadRecord, SessionRecord } from '../../index/records.ts';
import type { Owner } from './owners.ts';

type FindingKind =
  | 'ROW_CORRUPT'
  | 'INDEX_ROW_WRONG'
  | 'COUNT_WRONG'
  | 'CONTENT_MISSING'
  | 'CONTENT_CORRUPT'
  | 'ORPHAN'
  | 'CAME_BACK'
  | 'COMMITS_LOST';

/** Something that is wrong. What does not apply is empty. */
export interface Finding {
  readonly kind: FindingKind;
  readonly namespace: string;
  readonly artifactId: string;
  readonly session: string;
  readonly sha256: string;
  /** For people: what is wrong and, where no repair mends it, what helps. */
  readonly message: string;
  readonly repairable: boolean;
  readonly repaired: boolean;
}

/**
 * How a finding is repaired: as data, so that a report can be kept. Each becomes one transaction, which decides anew
 * from what it reads then.
 */
export type Repair =
  /** Write the row as its owner has it, or remove it. The row itself is not read: it may be damaged. */
  | { readonly kind: 'derive'; readonly key: Uint8Array; readonly owner: Owner | undefined }
  /** Remove bytes or checksums of a content that the namespace does not hold, unless it holds it by then. */
  | { readonly kind: 'leftOver'; readonly ns: string; readonly sha256: Sha256; readonly key: Uint8Array }
  /** Add what a count lacks. The record may have moved on; what it lacks has moved with it. */
  | {
      readonly kind: 'countSession';
      readonly ns: string;
      readonly uid: SessionRecord['uid'];
      readonly artifacts: number;
      readonly bytes: number;
      readonly holds: number;
    }
  | {
      readonly kind: 'countUsage';
      readonly ns: string;
      readonly shard: number;
      readonly sessions: number;
      readonly artifacts: number;
      readonly bytes: number;
    }
  | { readonly kind: 'countReferences'; readonly ns: string; readonly sha256: Sha256; readonly refs: number }
  /** Only if the head is still what it was. */
  | {
      readonly kind: 'head';
      readonly ns: string;
      readonly uid: SessionRecord['uid'];
      readonly name: string;
      /** Undefined: it was absent or damaged. */
      readonly was: HeadRecord | undefined;
      readonly highest: Pick<ArtifactRecord, 'id' | 'version'> | undefined;
    }
  /** Write the record of a content whose bytes are there: in a file of that name, or in the index. */
  | {
      readonly kind: 'restore';
      readonly ns: string;
      readonly sha256: Sha256;
      readonly name: string | undefined;
      readonly refs: number;
    }
  | { readonly kind: 'queueFree'; readonly ns: string; readonly sha256: Sha256 }
  /** Only if the content is still where it was, and its bytes are still not the right ones. */
  | {
      readonly kind: 'quarantine';
      readonly ns: string;
      readonly sha256: Sha256;
      readonly name: string | undefined;
      /** What is wrong with it, for the list of what is quarantined. */
      readonly message: string;
    }
  /** List a content as quarantined, or not, as its record says. The row itself is not read: it may be damaged. */
  | { readonly kind: 'listQuarantined'; readonly ns: string; readonly sha256: Sha256 }
  | { readonly kind: 'condemn'; readonly ns: string; readonly name: string; readonly size: number };

/** A finding, with what would mend it if anything can. */
export interface Found {
  readonly finding: Finding;
  readonly repair?: Repair;
}

type About = Partial<Pick<Finding, 'namespace' | 'artifactId' | 'session' | 'sha256'>>;

/** A finding, with how to repair it if that is possible. */
export function found(kind: FindingKind, about: About, message: string, repair?: Repair): Found {
  const nothing = { namespace: '', artifactId: '', session: '', sha256: '' };
  const finding = { kind, ...nothing, ...about, message, repairable: repair !== undefined, repaired: false };
  return repair === undefined ? { finding } : { finding, repair };
}
