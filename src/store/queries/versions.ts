/** Listings of a session's versions: of one name, or of all in the order of their commits. */
import type { Artifact } from '../../domain/artifact.ts';
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { ArtifactName } from '../../domain/names.ts';
import type { Reader } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { Entry, Key, Range } from '../../index/row.ts';
import type { Found } from '../../query/search.ts';
import { chargedRows, page } from '../look/page.ts';
import type { ArtifactMatches } from './artifact-matches.ts';

/** The versions to list, and their order. */
interface VersionsQuery {
  readonly ns: string;
  readonly uid: SessionUid;
  /** Only this name: its latest version, or with `allVersions` all of them. Undefined: all versions of all names. */
  readonly name: ArtifactName | undefined;
  readonly allVersions: boolean;
  readonly oldestFirst: boolean;
  /** The key that the page before ended with. */
  readonly after: Key | undefined;
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly budget: Budget;
  readonly matches: ArtifactMatches;
}

/** A page. `last` is the key after which the next page begins; undefined at the end. */
interface VersionsPage {
  readonly items: readonly Artifact[];
  readonly last: Key | undefined;
  readonly driver: string;
}

/** Records can be large, and a record that does not fit into the page any more was read in vain. */
const readTogether = 32;

/** Returns a page of versions. */
export async function listVersions(reader: Reader, query: VersionsQuery): Promise<VersionsPage> {
  const { driver, range, idsOf } = sourceOf(query);
  const walked = query.after === undefined ? range : rangeAfter(range, query.after);
  const together = Math.min(query.itemsMax, readTogether);
  const shown = new Shown(reader, query);
  const source = {
    entries: () => chargedRows(reader, { ...walked, firstBlock: together }, query.budget),
    look: (entries: readonly Entry[]) => shown.of(idsOf(entries.slice(0, together))),
  };
  const { items, last } = await page(source, query);
  return { items, driver, last: last?.[0] };
}

interface Source {
  readonly driver: string;
  readonly range: Range;
  idsOf(entries: readonly Entry[]): (ArtifactId | undefined)[];
}

function sourceOf({ ns, uid, name, allVersions, oldestFirst }: VersionsQuery): Source {
  if (name === undefined)
    return {
      driver: 'commits of the session',
      range: { ...keys.artifacts.feed.range(ns, uid), reverse: !oldestFirst },
      idsOf: (entries) =>
        entries.map(([, value]) => {
          const event = keys.artifacts.feed.decode(value);
          return event.kind === 'committed' ? event.id : undefined;
        }),
    };
  const range = keys.artifacts.version.range(ns, uid, name);
  return {
    driver: 'versions of the name',
    // The latest version is the highest, unless the latest version is gone.
    range: allVersions ? { ...range, reverse: oldestFirst } : { ...range, limit: 1 },
    idsOf: (entries) => entries.map(([, value]) => keys.artifacts.version.decode(value).id),
  };
}

/** The artifacts of ids, each with whether it is the latest version of its name. */
class Shown {
  private readonly heads = new Map<string, ArtifactId | undefined>();
  private readonly reader: Reader;
  private readonly query: VersionsQuery;

  constructor(reader: Reader, query: VersionsQuery) {
    this.reader = reader;
    this.query = query;
  }

  async of(ids: readonly (ArtifactId | undefined)[]): Promise<(Found<Artifact> | undefined)[]> {
    const { ns, matches, name, allVersions } = this.query;
    const wanted = ids.filter((id) => id !== undefined);
    const records = await matches.records(wanted.map((id) => keys.artifacts.record.key(ns, id)));
    const byId = new Map(wanted.map((id, at) => [id, records[at]]));
    return await Promise.all(
      ids.map(async (id) => {
        const found = id && byId.get(id);
        if (!found) return undefined;
        const isLatest = (await this.latestOf(found.item.name)) === id;
        if (name !== undefined && !allVersions && !isLatest) return undefined;
        return { item: matches.artifact(found.item, isLatest), bytes: found.bytes };
      }),
    );
  }

  private async latestOf(name: string): Promise<ArtifactId | undefined> {
    const { ns, uid, budget } = this.query;
    if (!this.heads.has(name)) {
      budget.spend('probes', 1);
      const value = await this.reader.get(keys.artifacts.head.key(ns, uid, name));
      this.heads.set(name, value && keys.artifacts.head.decode(value).latest);
    }
    return this.heads.get(name);
  }
}
