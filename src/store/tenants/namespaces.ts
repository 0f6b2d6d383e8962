import { randomBytes } from 'node:crypto';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { Failure } from '../../domain/errors.ts';
import type { Namespace } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { NamespaceRecord, QuotaRecord, UsageRecord } from '../../index/records.ts';
import type { Entry } from '../../index/row.ts';
import { chargedRows, type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import { checkEtag, etagOf } from '../rows/failures.ts';
import { transact } from '../rows/transaction.ts';
import { allShards, noUsage, plus } from '../rows/usage.ts';

/** A tenant, as operators see it. */
export interface NamespaceInfo {
  readonly name: string;
  readonly description: string;
  readonly quota: QuotaRecord | undefined;
  readonly createTime: number;
  /** The time of the last change of description or quota. */
  readonly updateTime: number;
  readonly etag: string;
}

/** The settings that operators give a namespace. */
interface NamespaceSettings {
  readonly description: string;
  /** Undefined: no limit. */
  readonly quota: QuotaRecord | undefined;
}

/** The changes of a namespace. A field that is present is changed; a quota of `'none'` removes the quota. */
export interface NamespaceChanges {
  readonly description?: string;
  readonly quota?: QuotaRecord | 'none';
  /** Refuse unless the namespace still has this etag. */
  readonly etag?: string;
}

/**
 * The namespaces of this store. They are created explicitly and never deleted. Their internal ids never change, so
 * callers may remember them.
 */
export class Namespaces {
  private readonly index: Index;
  private readonly blobs: BlobStore;
  private readonly paging: Paging;
  private readonly internalIds = new Map<string, string>();

  constructor(index: Index, blobs: BlobStore, paging: Paging) {
    this.index = index;
    this.blobs = blobs;
    this.paging = paging;
  }

  /** True if it is known to exist. False: it may exist all the same. */
  isKnown(name: Namespace): boolean {
    return this.internalIds.has(name);
  }

  /** @throws Failure NAMESPACE_NOT_FOUND. */
  async require(name: Namespace): Promise<{ readonly internalId: string }> {
    const internalId = this.internalIds.get(name);
    if (internalId !== undefined) return { internalId };
    return this.remember(name, await this.read(name));
  }

  /** Creates a namespace unless it exists. Its directories are durable before its record is. */
  async ensure(name: Namespace): Promise<{ readonly internalId: string }> {
    return await this.make(name, { description: '', quota: undefined });
  }

  /**
   * Creates a namespace; a second call with the same settings returns the existing one. @throws Failure
   * NAMESPACE_EXISTS.
   */
  async create(name: Namespace, settings: NamespaceSettings): Promise<NamespaceInfo> {
    const record = await this.make(name, settings);
    const isSame =
      (record.description ?? '') === settings.description &&
      JSON.stringify(record.quota) === JSON.stringify(settings.quota);
    if (!isSame)
      throw new Failure(
        'NAMESPACE_EXISTS',
        `namespace ${name} exists already, with other settings; "artifacta namespace set" changes them`,
        {
          metadata: { namespace: name },
        },
      );
    return toInfo(name, record);
  }

  /** @throws Failure NAMESPACE_NOT_FOUND. */
  async get(name: Namespace): Promise<NamespaceInfo> {
    return toInfo(name, await this.read(name));
  }

  /** Returns a page of the namespaces, sorted by name. @throws Failure PAGE_TOKEN_INVALID. */
  async list(by: Principal, { pageSize, pageToken }: PageRequest): Promise<Page<NamespaceInfo>> {
    const { paging } = this;
    const bound = [by.subject, 'namespaces'];
    const position = paging.open(bound, pageToken);
    const { after } = position;
    const all = keys.store.namespace.range();
    const range = after === undefined ? all : rangeAfter(all, after);
    const budget = paging.budget();
    const source = {
      entries: () => chargedRows(this.index, { ...range, limit: pageSize + 1 }, budget),
      look: async (entries: readonly Entry[]) =>
        entries.map(([key, value]) => {
          const [name] = keys.store.namespace.parse(key);
          return { item: toInfo(name, keys.store.namespace.decode(value)), bytes: 0 };
        }),
    };
    const { items, last } = await page(source, { itemsMax: pageSize, budget });
    return { items, nextPageToken: paging.token(bound, position, last?.[0]) };
  }

  /** @throws Failure NAMESPACE_NOT_FOUND, ETAG_MISMATCH. */
  async update(name: Namespace, changes: NamespaceChanges): Promise<NamespaceInfo> {
    const record = await transact(this.index, {
      ns: name,
      reads: [keys.store.namespace.key(name)],
      *decide(tx) {
        const found = tx.get(keys.store.namespace, name);
        if (found === undefined) throw notFound(name);
        checkEtag(`namespace ${name}`, { revision: found.revision ?? 1 }, changes.etag);
        const { quota: before, ...rest } = found;
        const quota = changes.quota === 'none' ? undefined : (changes.quota ?? before);
        const changed: NamespaceRecord = {
          ...rest,
          description: changes.description ?? found.description ?? '',
          ...(quota === undefined ? {} : { quota }),
          updateTime: tx.now,
          revision: (found.revision ?? 1) + 1,
        };
        tx.put(keys.store.namespace, [name], changed);
        return changed;
      },
    });
    return toInfo(name, record);
  }

  /** Returns the usage of the namespace at one instant, and its quota. @throws Failure NAMESPACE_NOT_FOUND. */
  async usage(name: Namespace): Promise<{ usage: UsageRecord; quota: QuotaRecord | undefined }> {
    await using snapshot = this.index.snapshot();
    const value = await snapshot.get(keys.store.namespace.key(name));
    if (value === undefined) throw notFound(name);
    const shares = await snapshot.getMany(allShards.map((shard) => keys.calls.usage.key(name, shard)));
    const usage = shares.reduce(
      (sum, share) => (share ? plus(sum, keys.calls.usage.decode(share)) : sum),
      noUsage,
    );
    return { usage, quota: keys.store.namespace.decode(value).quota };
  }

  private async read(name: Namespace): Promise<NamespaceRecord> {
    const value = await this.index.get(keys.store.namespace.key(name));
    if (value === undefined) throw notFound(name);
    return keys.store.namespace.decode(value);
  }

  private async make(name: Namespace, { description, quota }: NamespaceSettings): Promise<NamespaceRecord> {
    const value = await this.index.get(keys.store.namespace.key(name));
    if (value !== undefined) {
      const found = keys.store.namespace.decode(value);
      await this.remember(name, found);
      return found;
    }
    const internalId = randomBytes(8).toString('hex');
    await this.blobs.prepareNamespace(internalId);
    const record = await transact(this.index, {
      ns: name,
      reads: [keys.store.namespace.key(name)],
      *decide(tx) {
        const existing = tx.get(keys.store.namespace, name);
        if (existing !== undefined) return existing;
        const created: NamespaceRecord = {
          internalId,
          createTime: tx.now,
          ...(description === '' ? {} : { description }),
          ...(quota === undefined ? {} : { quota }),
        };
        tx.put(keys.store.namespace, [name], created);
        return created;
      },
    });
    await this.remember(name, record);
    return record;
  }

  private async remember(name: string, { internalId }: NamespaceRecord): Promise<{ internalId: string }> {
    await this.blobs.prepareNamespace(internalId);
    this.internalIds.set(name, internalId);
    return { internalId };
  }
}

function notFound(name: string): Failure {
  return new Failure('NAMESPACE_NOT_FOUND', `namespace ${name} does not exist`, {
    metadata: { namespace: name },
  });
}

function toInfo(name: string, record: NamespaceRecord): NamespaceInfo {
  return {
    name,
    description: record.description ?? '',
    quota: record.quota,
    createTime: record.createTime,
    updateTime: record.updateTime ?? record.createTime,
    etag: etagOf({ revision: record.revision ?? 1 }),
  };
}
