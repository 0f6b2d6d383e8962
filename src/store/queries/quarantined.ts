/** The quarantined contents, and the artifacts that have them. */
import type { Sha256 } from '../../domain/digest.ts';
import type { Namespace } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index, Reader } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { QuarantineRecord } from '../../index/records.ts';
import type { Entry } from '../../index/row.ts';
import type { Damaged } from '../contents/damage.ts';
import { chargedRows, type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import type { Namespaces } from '../tenants/namespaces.ts';

/** A quarantined content, and the artifacts that have it. The size is in bytes. */
export interface QuarantinedContent extends QuarantineRecord {
  readonly ns: string;
  readonly sha256: Sha256;
  readonly size: number;
  /** The first {@link artifactsShownMax} by id. */
  readonly artifacts: readonly string[];
  readonly artifactCount: number;
}

const artifactsShownMax = 10;

/** Lists quarantined contents. */
export class Quarantined {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly paging: Paging;

  constructor(index: Index, namespaces: Namespaces, paging: Paging) {
    this.index = index;
    this.namespaces = namespaces;
    this.paging = paging;
  }

  /**
   * Returns a page, sorted by namespace and SHA-256. The page is shorter than requested if many artifacts have the
   * contents.
   *
   * @param ns undefined for all.
   * @throws Failure NAMESPACE_NOT_FOUND, PAGE_TOKEN_INVALID.
   */
  async page(
    by: Principal,
    ns: Namespace | undefined,
    { pageSize, pageToken }: PageRequest,
  ): Promise<Page<QuarantinedContent>> {
    if (ns !== undefined) await this.namespaces.require(ns);
    const bound = [by.subject, 'quarantined', ns ?? null];
    const all = ns === undefined ? keys.blobs.quarantine.range() : keys.blobs.quarantine.range(ns);
    const position = this.paging.open(bound, pageToken);
    const range = position.after === undefined ? all : rangeAfter(all, position.after);
    await using reader = this.index.snapshot();
    const budget = this.paging.budget();
    const source = {
      entries: () => chargedRows(reader, { ...range, limit: pageSize + 1 }, budget),
      look: async (entries: readonly Entry[]) => {
        const [key, value] = entries[0]!;
        const [ns, sha256] = keys.blobs.quarantine.parse(key);
        const item = await describe(reader, ns, sha256, keys.blobs.quarantine.decode(value));
        budget.spend('entries', item.artifactCount);
        budget.spend('records', 1);
        return [{ item, bytes: 0 }];
      },
    };
    const { items, last } = await page(source, { itemsMax: pageSize, budget });
    return { items, nextPageToken: this.paging.token(bound, position, last?.[0]) };
  }

  /** Returns contents that were just found, with the artifacts that have them. */
  async describe(found: readonly Damaged[]): Promise<QuarantinedContent[]> {
    await using reader = this.index.snapshot();
    const contents = [];
    for (const { ns, sha256, time, message, size } of found)
      contents.push({ ...(await describe(reader, ns, sha256, { time, message })), size });
    return contents;
  }
}

async function describe(
  reader: Reader,
  ns: string,
  sha256: Sha256,
  found: QuarantineRecord,
): Promise<QuarantinedContent> {
  const value = await reader.get(keys.blobs.record.key(ns, sha256));
  const artifacts: string[] = [];
  let artifactCount = 0;
  for await (const block of reader.scan(keys.blobs.reference.range(ns, sha256, 'artifact'))) {
    for (const [reference] of block.slice(0, artifactsShownMax - artifacts.length))
      artifacts.push(keys.blobs.reference.parse(reference)[3]);
    artifactCount += block.length;
  }
  const size = value === undefined ? 0 : keys.blobs.record.decode(value).size;
  return { ...found, ns, sha256, size, artifacts, artifactCount };
}
