import { randomBytes } from 'node:crypto';
import type { BlobStore } from '../blobs/blob-store.ts';
import { Failure } from '../domain/errors.ts';
import type { Namespace } from '../domain/names.ts';
import type { Index } from '../index/door.ts';
import { store } from '../index/keys.ts';
import type { NamespaceRecord } from '../index/records.ts';
import { transact } from './transaction.ts';

/** The namespaces of this store. They are created explicitly and never deleted, so that what was read stays true. */
export class Namespaces {
  private readonly index: Index;
  private readonly blobs: BlobStore;
  private readonly known = new Map<string, NamespaceRecord>();

  constructor(index: Index, blobs: BlobStore) {
    this.index = index;
    this.blobs = blobs;
  }

  /** @throws Failure NAMESPACE_NOT_FOUND. */
  async require(name: Namespace): Promise<NamespaceRecord> {
    const cached = this.known.get(name);
    if (cached !== undefined) return cached;
    const value = await this.index.get(store.namespace.key(name));
    if (value === undefined)
      throw new Failure('NAMESPACE_NOT_FOUND', `there is no namespace ${name}`, {
        metadata: { namespace: name },
      });
    return this.remember(name, store.namespace.decode(value));
  }

  /** Creates a namespace unless it exists. Its directories are durable before its record is. */
  async ensure(name: Namespace): Promise<NamespaceRecord> {
    const value = await this.index.get(store.namespace.key(name));
    if (value !== undefined) return this.remember(name, store.namespace.decode(value));
    const internalId = randomBytes(8).toString('hex');
    await this.blobs.prepareNamespace(internalId);
    const record = await transact(this.index, {
      queue: name,
      reads: [store.namespace.key(name)],
      decide: (rows, draft, env) => {
        const existing = rows.get(store.namespace, name);
        if (existing !== undefined) return existing;
        const created: NamespaceRecord = { internalId, createTime: env.now };
        draft.put(store.namespace, [name], created);
        return created;
      },
    });
    return this.remember(name, record);
  }

  private async remember(name: string, record: NamespaceRecord): Promise<NamespaceRecord> {
    await this.blobs.prepareNamespace(record.internalId);
    this.known.set(name, record);
    return record;
  }
}
