/**
 * Compares derived rows with their owners, both ways: every owner has its rows, and every row has its owner. Look-ups
 * go by blocks, so memory does not grow with the store.
 */

import { textOf } from '../../index/bytes.ts';
import type { Snapshot } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { HeadRecord } from '../../index/records.ts';
import type { Key, Value } from '../../index/row.ts';
import { damaged, examined, valuesOf } from '../rows/damaged-rows.ts';
import { type Diagnosis, diagnosis } from './finding.ts';
import { type AnyFamily, derivedFamilies, derivedRows, headKeyOf, type Owner, ownerOf } from './owners.ts';
import type { Scope } from './scope.ts';

const signedFamilies: ReadonlySet<number> = new Set(Object.values(keys.latest).map(({ code }) => code));

interface OwnerFamily {
  readonly family: AnyFamily;
  owner(parts: readonly unknown[], key: Key): Owner;
}

const ownerFamilies: readonly OwnerFamily[] = [
  { family: keys.sessions.record, owner: ([ns], key) => ({ kind: 'session', ns: String(ns), key }) },
  { family: keys.sessions.name, owner: ([ns], key) => ({ kind: 'sessionName', ns: String(ns), key }) },
  { family: keys.artifacts.record, owner: ([ns], key) => ({ kind: 'artifact', ns: String(ns), key }) },
  { family: keys.calls.requestId, owner: ([ns], key) => ({ kind: 'requestId', ns: String(ns), key }) },
  { family: keys.credentials.tokenUse, owner: ([ns], key) => ({ kind: 'tokenUse', ns: String(ns), key }) },
  { family: keys.links.record, owner: ([, ns = ''], key) => ({ kind: 'link', ns: String(ns), key }) },
  { family: keys.credentials.apiKey, owner: ([, ns = ''], key) => ({ kind: 'apiKey', ns: String(ns), key }) },
  { family: keys.blobs.record, owner: ([ns], key) => ({ kind: 'blob', ns: String(ns), key }) },
  { family: keys.blobs.condemned, owner: ([, ns], key) => ({ kind: 'condemned', ns: String(ns), key }) },
];

/** Yields the rows that are missing, wrong or damaged although an owner says how they should be. */
export async function* missingRows(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  for (const { family, owner } of ownerFamilies) {
    for await (const block of examined(snapshot, scope.rangeOf(family))) {
      const owners = block.flatMap((row) => {
        if (row.kind !== 'row') return [];
        const parts = scope.parse(family, row.key);
        return parts === undefined ? [] : [{ owner: owner(parts, row.key), value: row.value }];
      });
      yield* compareDerived(snapshot, scope, owners);
    }
  }
}

interface Owned {
  readonly owner: Owner;
  readonly value: Value;
}

async function* compareDerived(
  snapshot: Snapshot,
  scope: Scope,
  owners: readonly Owned[],
): AsyncGenerator<Diagnosis> {
  const wanted: { owner: Owner; key: Key; value: Value }[] = [];
  const heads = await headsOf(snapshot, owners);
  owners.forEach(({ owner, value }, at) => {
    for (const write of derivedRows(owner, value, heads[at]))
      if (write.type === 'put') wanted.push({ owner, key: write.key, value: write.value });
  });
  const present = await valuesOf(
    snapshot,
    wanted.map(({ key }) => key),
  );
  for (const [at, { owner, key, value }] of wanted.entries()) {
    const stored = present[at];
    if (stored !== undefined && stored !== damaged && isAsItMayBe(key, stored, value)) continue;
    if (stored === damaged) scope.noteReported(key);
    scope.noteWrong(key);
    const what = stored === undefined ? 'is missing' : stored === damaged ? 'is damaged' : 'is wrong';
    yield diagnosis(
      stored === damaged ? 'ROW_CORRUPT' : 'INDEX_ROW_WRONG',
      scope.aboutOwner(owner),
      `${scope.describe(key)} ${what}`,
      { kind: 'derive', key, owner },
    );
  }
}

/** Rows of earlier releases have no signature. */
function isAsItMayBe(key: Key, stored: Value, value: Value): boolean {
  return textOf(stored) === textOf(value) || (stored.length === 0 && signedFamilies.has(key[0]!));
}

async function headsOf(snapshot: Snapshot, owners: readonly Owned[]): Promise<(HeadRecord | undefined)[]> {
  const wanted = owners.map(({ owner, value }) => headKeyOf(owner, value));
  const values = await valuesOf(
    snapshot,
    wanted.filter((key) => key !== undefined),
  );
  let next = 0;
  return wanted.map((key) => {
    const value = key === undefined ? undefined : values[next++];
    return value === undefined || value === damaged ? undefined : keys.artifacts.head.decode(value);
  });
}

/** Yields the rows that have no owner, and the damaged ones that {@link missingRows} has not reported. */
export async function* surplusRows(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  for (const family of derivedFamilies) {
    for await (const block of examined(snapshot, scope.rangeOf(family))) {
      const rows: { key: Key; value: Value | undefined; owner: Owner | undefined }[] = [];
      for (const row of block) {
        if (row.kind === 'unreadable') continue;
        const value = row.kind === 'row' ? row.value : undefined;
        const parts = scope.parse(family, row.key);
        if (parts === undefined || isKeptName(family, value)) continue;
        const decoded = value === undefined ? undefined : scope.decode(family, value);
        rows.push({
          key: row.key,
          value: row.kind === 'row' ? row.value : undefined,
          owner: ownerOf(family, parts, decoded),
        });
      }
      yield* compareOwned(snapshot, scope, family, rows);
    }
  }
}

/**
 * Returns true for the name of a session that is gone. The name has no owner any more: it keeps the session's id from
 * being used too soon.
 */
function isKeptName(family: AnyFamily, value: Value | undefined): boolean {
  return (
    family === keys.sessions.name &&
    value !== undefined &&
    keys.sessions.name.decode(value).goneSince !== undefined
  );
}

async function* compareOwned(
  snapshot: Snapshot,
  scope: Scope,
  family: AnyFamily,
  rows: readonly { key: Key; value: Value | undefined; owner: Owner | undefined }[],
): AsyncGenerator<Diagnosis> {
  const owned = rows.filter(({ owner }) => owner !== undefined);
  const values = await valuesOf(
    snapshot,
    owned.map(({ owner }) => owner!.key),
  );
  const present = owned.flatMap(({ owner }, at) => {
    const value = values[at];
    return value === undefined || value === damaged ? [] : [{ owner: owner!, value }];
  });
  const heads = await headsOf(snapshot, present);
  const derived = new Map<string, Map<string, string>>();
  present.forEach(({ owner, value }, at) => {
    const rowsOfOwner = new Map<string, string>();
    for (const write of derivedRows(owner, value, heads[at]))
      if (write.type === 'put') rowsOfOwner.set(textOf(write.key), textOf(write.value));
    derived.set(textOf(owner.key), rowsOfOwner);
  });
  const unknowable = new Set(
    owned.filter((_row, at) => values[at] === damaged).map(({ owner }) => textOf(owner!.key)),
  );
  // Without its head, it cannot be known whether an artifact is the latest version; the head is repaired first.
  present.forEach(({ owner }, at) => {
    if (owner.kind === 'artifact' && heads[at] === undefined) unknowable.add(textOf(owner.key));
  });
  for (const { key, value, owner } of rows) {
    const expected = owner && derived.get(textOf(owner.key))?.get(textOf(key));
    const about = owner === undefined ? {} : scope.aboutOwner(owner);
    if (value === undefined) {
      if (scope.wasReported(key)) continue;
      scope.noteWrong(key);
      // The id of a session must not become free because a row is damaged.
      const isName = family === keys.sessions.name;
      const message = `${scope.describe(key)} is damaged`;
      yield isName
        ? diagnosis('ROW_CORRUPT', about, `${message}; an import restores it`)
        : diagnosis('ROW_CORRUPT', about, message, { kind: 'derive', key, owner });
    } else if (expected === undefined && owner?.kind === 'blob' && !derived.has(textOf(owner.key))) {
      scope.noteHomeless(key, owner);
    } else if (expected === undefined && !(owner && unknowable.has(textOf(owner.key)))) {
      scope.noteWrong(key);
      yield diagnosis('INDEX_ROW_WRONG', about, `${scope.describe(key)} should not exist`, {
        kind: 'derive',
        key,
        owner,
      });
    }
  }
}
