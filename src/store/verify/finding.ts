/** The findings of a check of the store, and their repairs. */
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

/** One fault. Fields that do not apply are empty. */
export interface Finding {
  readonly kind: FindingKind;
  readonly namespace: string;
  readonly artifactId: string;
  readonly session: string;
  readonly sha256: string;
  /** For people: the fault and, if no repair mends it, what helps. */
  readonly message: string;
  readonly repairable: boolean;
  readonly repaired: boolean;
}

/**
 * The repair of a finding: as data, so that a report can be kept. Each repair becomes one transaction, which decides
 * again from what it reads then.
 */
export type Repair =
  /** Write the row as its owner has it, or remove it. The row itself is not read: it may be damaged. */
  | { readonly kind: 'derive'; readonly key: Uint8Array; readonly owner: Owner | undefined }
  /** Remove bytes or checksums that no content of the namespace uses, unless one uses them by then. */
  | { readonly kind: 'leftOver'; readonly ns: string; readonly sha256: Sha256; readonly key: Uint8Array }
  /** Add to a count what it lacks. The record may have changed since; the difference is still the same. */
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
  /** Write the head, only if it is still as it was. */
  | {
      readonly kind: 'head';
      readonly ns: string;
      readonly uid: SessionRecord['uid'];
      readonly name: string;
      /** Undefined: the head was absent or damaged. */
      readonly was: HeadRecord | undefined;
      readonly highest: Pick<ArtifactRecord, 'id' | 'version'> | undefined;
    }
  /** Write the record of a content whose bytes exist: in a file of that name, or in the index. */
  | {
      readonly kind: 'restore';
      readonly ns: string;
      readonly sha256: Sha256;
      readonly name: string | undefined;
      /** When the bytes in the index were stored; undefined where an earlier release placed them. */
      readonly bytesTime: number | undefined;
      readonly refs: number;
    }
  | { readonly kind: 'queueFree'; readonly ns: string; readonly sha256: Sha256 }
  /** Quarantine the content, only if it is still where it was, and its bytes are still wrong. */
  | {
      readonly kind: 'quarantine';
      readonly ns: string;
      readonly sha256: Sha256;
      readonly name: string | undefined;
      /** The fault of the content, for the list of quarantined contents. */
      readonly message: string;
    }
  /** List a content as quarantined, or not, as its record says. The row itself is not read: it may be damaged. */
  | { readonly kind: 'listQuarantined'; readonly ns: string; readonly sha256: Sha256 }
  | {
      readonly kind: 'condemn';
      readonly ns: string;
      readonly name: string;
      readonly size: number;
      readonly generation: string | undefined;
    };

/** A finding, with its repair if one exists. */
export interface Diagnosis {
  readonly finding: Finding;
  readonly repair?: Repair;
}

type About = Partial<Pick<Finding, 'namespace' | 'artifactId' | 'session' | 'sha256'>>;

/** Returns a finding, with its repair if one is possible. */
export function diagnosis(kind: FindingKind, about: About, message: string, repair?: Repair): Diagnosis {
  const nothing = { namespace: '', artifactId: '', session: '', sha256: '' };
  const finding = { kind, ...nothing, ...about, message, repairable: repair !== undefined, repaired: false };
  return repair === undefined ? { finding } : { finding, repair };
}
