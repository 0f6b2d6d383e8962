/**
 * The values of a field. They follow one another in the index, each with the things that have it; so a value is found
 * by one seek past the value before, however many things have that one.
 */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../../domain/artifact.ts';
import { mediaTypeOf } from '../../domain/content-type.ts';
import { limits } from '../../domain/limits.ts';
import type { Budget } from '../../domain/load/budget.ts';
import { type Principal, requireWholeSessions, seesEverything } from '../../domain/principal.ts';
import type { Session } from '../../domain/session.ts';
import type { Index, Reader } from '../../index/door.ts';
import type { Entry } from '../../index/row.ts';
import { type FieldOwner, parseValuedField, type ValuedField } from '../../query/valued-field.ts';
import type { Paging } from '../look/paging.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { type Terms, termsOf } from './field-terms.ts';
import type { ArtifactQuery, Listing } from './listing.ts';

/** The field, and the values of it that are wanted. */
export interface FieldValuesQuery {
  readonly owner: FieldOwner;
  /** As filters name it. */
  readonly field: string;
  readonly prefix: string;
  readonly valuesMax: number;
}

/** Values, sorted by their bytes. */
interface FoundValues {
  readonly values: readonly string[];
  readonly truncated: boolean;
  /** Only the newest things were looked at. */
  readonly sampled: boolean;
}

/** The number of the newest things that have a value which are looked at for one that is live. */
const lookedAtMax = 8;
/** The number of the newest things whose values a caller gets that does not see everything. */
const sampleSize = 200;

/** Lists the values of fields. */
export class FieldValues {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly listing: Listing;
  private readonly paging: Paging;

  constructor(index: Index, namespaces: Namespaces, listing: Listing, paging: Paging) {
    this.index = index;
    this.namespaces = namespaces;
    this.listing = listing;
    this.paging = paging;
  }

  /** @throws Failure INVALID_ARGUMENT naming `field`. */
  async list(by: Principal, query: FieldValuesQuery): Promise<FoundValues> {
    await this.namespaces.require(by.namespace);
    if (query.owner === 'session') requireWholeSessions(by);
    const field = parseValuedField(query.field, query.owner);
    if (!seesEverything(by)) return await this.sample(by, field, query);
    await using reader = this.index.snapshot();
    const budget = this.paging.budget();
    const terms = termsOf(reader, by.namespace, query.owner, field, this.index.now());
    return { ...(await distinct(reader, terms, query, budget)), sampled: false };
  }

  /** The values of the newest things that the caller sees. */
  private async sample(by: Principal, field: ValuedField, query: FieldValuesQuery): Promise<FoundValues> {
    const { owner, prefix, valuesMax } = query;
    const { items } =
      owner === 'session'
        ? await this.listing.sessions(by, newest)
        : await this.listing.artifacts(by, newest);
    const all = new Set(items.flatMap((item) => valuesIn(item, field)));
    const fitting = [...all].filter((value) => value.startsWith(prefix) && isShort(value));
    const sorted = fitting.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return { values: sorted.slice(0, valuesMax), truncated: true, sampled: true };
  }
}

const newest: ArtifactQuery = {
  session: undefined,
  allVersions: false,
  name: undefined,
  showGone: false,
  filter: '',
  oldestFirst: false,
  pageSize: sampleSize,
  pageToken: '',
};

/** Returns the values of one thing. */
function valuesIn(item: Artifact | Session, field: ValuedField): string[] {
  switch (field.name) {
    case 'session':
      return ['session' in item ? item.session : item.id];
    case 'name':
      return 'name' in item ? [item.name] : [];
    case 'content_type':
      return 'contentType' in item ? [mediaTypeOf(item.contentType)] : [];
    default: {
      const pairs = item[field.name];
      if (field.key === undefined) return pairs.map(([key]) => key);
      return pairs.filter(([key]) => key === field.key).map(([, value]) => value);
    }
  }
}

/** Seeks from value to value. */
async function distinct(
  reader: Reader,
  terms: Terms,
  { prefix, valuesMax }: FieldValuesQuery,
  budget: Budget,
): Promise<Omit<FoundValues, 'sampled'>> {
  const values: string[] = [];
  let { gte, lt } = terms.rows(prefix);
  for (;;) {
    const entries: Entry[] = [];
    for await (const block of reader.scan({ gte, lt, limit: lookedAtMax })) entries.push(...block);
    budget.spend('entries', entries.length);
    if (entries.length === 0) return { values, truncated: false };
    if (values.length === valuesMax || budget.isSpent) return { values, truncated: true };
    const value = terms.valueOf(entries[0]!);
    const same = entries.filter((entry) => terms.valueOf(entry) === value);
    if (isShort(value) && (await hasLive(terms, same, budget))) values.push(value);
    gte = terms.after(value);
  }
}

/** Whether any of some rows stands for a thing that exists. Mostly the first does. */
async function hasLive(terms: Terms, [first, ...others]: readonly Entry[], budget: Budget): Promise<boolean> {
  for (const some of [[first!], others]) {
    budget.spend('records', some.length);
    if ((await terms.areLive(some)).includes(true)) return true;
  }
  return false;
}

function isShort(value: string): boolean {
  return Buffer.byteLength(value) <= limits.fieldValueBytesMax;
}
