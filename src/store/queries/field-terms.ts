/** The rows of the index in which the values of a field follow one another. */
import type { ArtifactId } from '../../domain/ids.ts';
import type { Reader } from '../../index/door.ts';
import type { Family } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { Entry, Key } from '../../index/row.ts';
import { afterPrefix } from '../../index/tuple.ts';
import type { FieldOwner, ValuedField } from '../../query/valued-field.ts';
import { SessionsNow } from '../look/live.ts';
import { asOf, isPresent } from '../rows/session-life.ts';

/** The rows of a field. */
export interface Terms {
  /** The rows of values that begin with a text. */
  readonly rows: (prefix: string) => { readonly gte: Key; readonly lt: Key };
  /** Where the rows of the values after this one begin. */
  readonly after: (value: string) => Key;
  readonly valueOf: (entry: Entry) => string;
  /** Which of some rows stand for things that exist. */
  readonly areLive: (entries: readonly Entry[]) => Promise<readonly boolean[]>;
}

/** A list of things by some text; the text is the column `at`. */
type ListFamily = Pick<Family<readonly string[], true>, 'parse'> & {
  range(...prefix: readonly string[]): { gte: Key; lt: Key };
};

/** Returns the rows of a field. @param now milliseconds since the Unix epoch. */
export function termsOf(
  reader: Reader,
  ns: string,
  owner: FieldOwner,
  field: ValuedField,
  now: number,
): Terms {
  if (field.name === 'session') return sessionIds(reader, ns, now);
  const family = familyOf(owner, field) as unknown as ListFamily;
  const columns = 'key' in field && field.key !== undefined ? [ns, field.key] : [ns];
  const idOf = ([key]: Entry) => family.parse(key).at(-1)!;
  return {
    rows: (prefix) =>
      prefix === '' ? family.range(...columns) : beginning(family.range(...columns, prefix).gte),
    after: (value) => family.range(...columns, value).lt,
    valueOf: ([key]) => family.parse(key)[columns.length]!,
    areLive: (entries) =>
      owner === 'artifact'
        ? liveArtifacts(reader, ns, entries.map(idOf) as ArtifactId[], now)
        : liveSessions(reader, ns, entries.map(idOf), now),
  };
}

function familyOf(owner: FieldOwner, { name }: ValuedField) {
  const { latest, sessions } = keys;
  const isOfArtifacts = owner === 'artifact';
  switch (name) {
    case 'metadata':
      return isOfArtifacts ? latest.byMetadata : sessions.byMetadata;
    case 'labels':
      return isOfArtifacts ? latest.byLabel : sessions.byLabel;
    case 'content_type':
      return latest.byType;
    default:
      return latest.byName;
  }
}

/** The ids of all sessions, each with one row. */
function sessionIds(reader: Reader, ns: string, now: number): Terms {
  const { name } = keys.sessions;
  return {
    rows: (prefix) => (prefix === '' ? name.range(ns) : beginning(name.key(ns, prefix))),
    after: (id) => afterPrefix(name.key(ns, id)),
    valueOf: ([key]) => name.parse(key)[1],
    areLive: async (entries) => {
      const records = entries.map(([, value]) => name.decode(value));
      const live = await liveSessions(
        reader,
        ns,
        records.map(({ uid }) => uid),
        now,
      );
      return records.map(({ goneSince }, at) => goneSince === undefined && live[at]!);
    },
  };
}

/** Returns the range of keys whose last text begins with that of a key. */
function beginning(key: Key): { gte: Key; lt: Key } {
  // A text in a key ends with a byte that does not belong to it.
  const gte = key.subarray(0, -1);
  return { gte, lt: afterPrefix(gte) };
}

async function liveArtifacts(
  reader: Reader,
  ns: string,
  ids: readonly ArtifactId[],
  now: number,
): Promise<boolean[]> {
  const values = await reader.getMany(ids.map((id) => keys.artifacts.record.key(ns, id)));
  const records = values.map((value) => value && keys.artifacts.record.decode(value));
  const sessions = new SessionsNow(reader, ns, now);
  await sessions.read(records.filter((record) => record !== undefined));
  return records.map((record) => record !== undefined && sessions.isThere(record));
}

async function liveSessions(
  reader: Reader,
  ns: string,
  uids: readonly string[],
  now: number,
): Promise<boolean[]> {
  const values = await reader.getMany(uids.map((uid) => keys.sessions.record.key(ns, uid as never)));
  return values.map(
    (value) => value !== undefined && isPresent(asOf(keys.sessions.record.decode(value), now), now),
  );
}
