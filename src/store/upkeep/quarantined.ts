/** The quarantined contents, and the artifacts that hold them. */
import type { Sha256 } from '../../domain/digest.ts';
import { limits } from '../../domain/limits.ts';
import type { Namespace } from '../../domain/names.ts';
import type { Index, Reader } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { QuarantineRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import type { PageTokens } from '../look/page-token.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import type { Damaged } from './scrub.ts';

/** A quarantined content, and the artifacts that hold it. The size is in bytes. */
export interface QuarantinedContent extends QuarantineRecord {
  readonly ns: string;
  readonly sha256: Sha256;
  readonly size: number;
  /** The first {@link holdersShownMax} by id. */
  readonly artifacts: readonly string[];
  readonly artifactCount: number;
}

const holdersShownMax = 10;

/** Lists quarantined contents. */
export class Quarantined {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly tokens: PageTokens;

  constructor(index: Index, namespaces: Namespaces, tokens: PageTokens) {
    this.index = index;
    this.namespaces = namespaces;
    this.tokens = tokens;
  }

  /**
   * Returns a page, sorted by namespace and SHA-256. The page is shorter than requested if many artifacts hold the
   * contents.
   *
   * @param ns undefined for all. @param pageToken empty for the first page.
   * @throws Failure NAMESPACE_NOT_FOUND, PAGE_TOKEN_INVALID.
   */
  async page(
    ns: Namespace | undefined,
    size: number,
    pageToken: string,
  ): Promise<{ readonly contents: readonly QuarantinedContent[]; readonly nextPageToken: string }> {
    if (ns !== undefined) await this.namespaces.require(ns);
    const query = ['quarantined', ns ?? null];
    const all = ns === undefined ? keys.blobs.quarantine.range() : keys.blobs.quarantine.range(ns);
    const range = pageToken === '' ? all : rangeAfter(all, this.tokens.open(query, pageToken));
    await using reader = this.index.snapshot();
    const contents: QuarantinedContent[] = [];
    let touched = 0;
    let last: Key | undefined;
    for await (const block of reader.scan({ ...range, limit: size + 1 }))
      for (const [key, value] of block) {
        if (contents.length >= size || touched >= limits.queryTouchesMax)
          return { contents, nextPageToken: this.tokens.issue(query, last!) };
        const [ns, sha256] = keys.blobs.quarantine.parse(key);
        const content = await describe(reader, ns, sha256, keys.blobs.quarantine.decode(value));
        touched += 2 + content.artifactCount;
        contents.push(content);
        last = key;
      }
    return { contents, nextPageToken: '' };
  }

  /** Returns contents that were just found, with the artifacts that hold them. */
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
    for (const [reference] of block.slice(0, holdersShownMax - artifacts.length))
      artifacts.push(keys.blobs.reference.parse(reference)[3]);
    artifactCount += block.length;
  }
  const size = value === undefined ? 0 : keys.blobs.record.decode(value).size;
  return { ...found, ns, sha256, size, artifacts, artifactCount };
}
