/** Computes the usage of a namespace from its records, a page at a time. */

import { effectiveExpiry } from '../../domain/expiry.ts';
import { limits } from '../../domain/limits.ts';
import type { Namespace, SessionId } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { CachedReader, Index } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord } from '../../index/records.ts';
import type { Entry, Key, Range } from '../../index/row.ts';
import { SessionsNow } from '../look/live.ts';
import { chargedRows, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import { readSession } from '../look/session.ts';
import type { SessionNow } from '../rows/session-life.ts';
import type { Namespaces } from '../tenants/namespaces.ts';

/**
 * The artifacts to count: all versions of all artifacts, or of one session's artifacts, or the latest versions that
 * have a metadata key.
 */
export type UsageScope =
  | { readonly of: 'namespace' }
  | { readonly of: 'session'; readonly session: SessionId }
  | { readonly of: 'metadata'; readonly key: string };

/** A number of artifacts and the sum of their full sizes in bytes. */
interface UsageCount {
  readonly artifacts: number;
  readonly bytes: number;
}

/** The usage of one group, for the records that a page has read. */
export interface UsagePart extends UsageCount {
  /** The value of the key, the session id, or empty. */
  readonly value: string;
  /** The bytes of distinct contents. */
  readonly storedBytes: number;
  /**
   * The counts by the end of the time span in which the artifacts expire, in milliseconds since the Unix epoch;
   * undefined for never.
   */
  readonly byExpiry: readonly (UsageCount & { readonly before: number | undefined })[];
}

interface UsagePage {
  readonly parts: readonly UsagePart[];
  /** Empty at the end. */
  readonly nextPageToken: string;
}

const dayMs = 86_400_000;
/** The ends of the time spans, from now. */
const horizonsMs = [0, dayMs, 7 * dayMs, 30 * dayMs];
const recordsReadTogether = 128;

/** Reads usage. */
export class UsageScan {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly paging: Paging;

  constructor(index: Index, namespaces: Namespaces, paging: Paging) {
    this.index = index;
    this.namespaces = namespaces;
    this.paging = paging;
  }

  /** Returns one page. @throws Failure NAMESPACE_NOT_FOUND, SESSION_NOT_FOUND, PAGE_TOKEN_INVALID. */
  async page(by: Principal, ns: Namespace, scope: UsageScope, pageToken: string): Promise<UsagePage> {
    await this.namespaces.require(ns);
    await using reader = this.index.snapshot();
    const counted = await countedOf(reader, by, ns, scope, this.index.now());
    const bound = [by.subject, ns, 'usage', scope];
    const position = this.paging.open(bound, pageToken);
    const { now, after } = position;
    const range = after === undefined ? counted.range : rangeAfter(counted.range, after);
    const tally = new Tally(now);
    const known = new SessionsNow(reader, ns, now);
    const budget = this.paging.budget();
    const source = {
      entries: () => chargedRows(reader, range, budget),
      look: async (block: readonly Entry[]) => {
        const entries = block.slice(0, recordsReadTogether);
        const found = await counted.read(entries);
        const read = await known.read(found.map(({ record }) => record));
        for (const { value, record } of found) tally.add(value, record, known.of(record));
        budget.spend('records', counted.recordsEach * entries.length + read);
        return entries.map(() => undefined);
      },
    };
    const { last } = await page(source, { itemsMax: Number.POSITIVE_INFINITY, budget });
    return { parts: tally.parts(), nextPageToken: this.paging.token(bound, position, last?.[0]) };
  }
}

/** The rows of the artifacts to count. */
interface Counted {
  readonly range: Range;
  /** The number of records that are read for each row. */
  readonly recordsEach: number;
  read(entries: readonly Entry[]): Promise<{ readonly value: string; readonly record: ArtifactRecord }[]>;
}

async function countedOf(
  reader: CachedReader,
  by: Principal,
  ns: Namespace,
  scope: UsageScope,
  now: number,
): Promise<Counted> {
  const recordsOf = async (wanted: readonly Key[], partOf: (at: number) => string) => {
    const values = await reader.getMany(wanted);
    return values.flatMap((value, at) =>
      value === undefined ? [] : [{ value: partOf(at), record: keys.artifacts.record.decode(value) }],
    );
  };
  switch (scope.of) {
    case 'namespace':
      return {
        range: keys.artifacts.record.range(ns),
        recordsEach: 0,
        read: async (entries) =>
          entries.map(([, value]) => ({ value: '', record: keys.artifacts.record.decode(value) })),
      };
    case 'session': {
      const { uid } = await readSession(reader, { ...by, namespace: ns }, scope.session, now);
      return {
        range: keys.artifacts.version.range(ns, uid),
        recordsEach: 1,
        read: (entries) =>
          recordsOf(
            entries.map(([, value]) =>
              keys.artifacts.record.key(ns, keys.artifacts.version.decode(value).id),
            ),
            () => scope.session,
          ),
      };
    }
    case 'metadata':
      return {
        range: keys.latest.byMetadata.range(ns, scope.key),
        recordsEach: 1,
        read: (entries) => {
          const parsed = entries.map(([key]) => keys.latest.byMetadata.parse(key));
          return recordsOf(
            parsed.map(([, , , id]) => keys.artifacts.record.key(ns, id)),
            (at) => parsed[at]![2],
          );
        },
      };
  }
}

interface Mutable {
  artifacts: number;
  bytes: number;
}

/** Adds up a page. The values come in order, so that only the contents of one value at a time are remembered. */
class Tally {
  private readonly now: number;
  private readonly done: UsagePart[] = [];
  private value: string | undefined;
  private total: Mutable & { storedBytes: number } = { artifacts: 0, bytes: 0, storedBytes: 0 };
  private contents = new Set<string>();
  private byExpiry = new Map<number | undefined, Mutable>();

  constructor(now: number) {
    this.now = now;
  }

  add(value: string, record: ArtifactRecord, session: SessionNow | undefined): void {
    if (value !== this.value) this.begin(value);
    const { sha256, size } = record;
    this.total.artifacts++;
    this.total.bytes += size;
    if (!this.contents.has(sha256)) this.total.storedBytes += size;
    this.contents.add(sha256);
    const before = this.horizonOf(record, session);
    const counted = this.byExpiry.get(before) ?? { artifacts: 0, bytes: 0 };
    this.byExpiry.set(before, { artifacts: counted.artifacts + 1, bytes: counted.bytes + size });
  }

  private horizonOf(record: ArtifactRecord, session: SessionNow | undefined): number | undefined {
    const { expireTime } = effectiveExpiry(record, session);
    if (expireTime === undefined) return undefined;
    const horizon = horizonsMs.map((ms) => this.now + ms).find((end) => expireTime <= end);
    return horizon ?? limits.expireTimeMillisecondsMax;
  }

  private begin(value: string): void {
    this.end();
    this.value = value;
    this.total = { artifacts: 0, bytes: 0, storedBytes: 0 };
    this.contents = new Set();
    this.byExpiry = new Map();
  }

  private end(): void {
    if (this.value === undefined) return;
    const byExpiry = [...this.byExpiry]
      .map(([before, count]) => ({ before, ...count }))
      .sort((a, b) => (a.before ?? Number.POSITIVE_INFINITY) - (b.before ?? Number.POSITIVE_INFINITY));
    this.done.push({ value: this.value, ...this.total, byExpiry });
  }

  /** Returns the sums; nothing may be added afterwards. */
  parts(): readonly UsagePart[] {
    this.end();
    this.value = undefined;
    return this.done;
  }
}
