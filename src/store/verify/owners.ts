/**
 * Which rows are derived from which. An owner is a primary record. All rows that are derived from it follow from it
 * and, for an artifact, from its head. This is true both when rows are checked and when they are written again.
 */
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import type { Family } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { HeadRecord } from '../../index/records.ts';
import type { Key, Value } from '../../index/row.ts';
import { putDerived, putLatest } from '../rows/artifact-rows.ts';
import { putDerivedOfKey } from '../rows/key-rows.ts';
import { putDerivedOfLink } from '../rows/link-rows.ts';
import { freeAgain } from '../rows/session-life.ts';
import { putDerivedOfSession } from '../rows/session-rows.ts';
import { Draft } from '../rows/transaction.ts';

/** A family, with parts and values of any type. */
// biome-ignore lint/suspicious/noExplicitAny: a family of any columns and values
export type AnyFamily = Family<any, any>;

/** The families, by the first byte of their keys. */
export const familyOf: ReadonlyMap<number, AnyFamily> = new Map(
  Object.values(keys).flatMap((group) =>
    (Object.values(group) as AnyFamily[]).map((family): [number, AnyFamily] => [family.code, family]),
  ),
);

/** A primary record, by its key. */
export interface Owner {
  readonly kind:
    | 'artifact'
    | 'session'
    | 'sessionName'
    | 'link'
    | 'apiKey'
    | 'requestId'
    | 'tokenUse'
    | 'blob'
    | 'condemned';
  readonly ns: string;
  readonly key: Key;
}

function artifactOwner(ns: string, id: ArtifactId): Owner {
  return { kind: 'artifact', ns, key: keys.artifacts.record.key(ns, id) };
}

function sessionOwner(ns: string, uid: SessionUid): Owner {
  return { kind: 'session', ns, key: keys.sessions.record.key(ns, uid) };
}

/** The families in which every row is derived. */
export const derivedFamilies: readonly AnyFamily[] = [
  keys.sessions.name,
  keys.sessions.byTime,
  keys.sessions.byMetadata,
  keys.sessions.byLabel,
  keys.sessions.byState,
  keys.sessions.pendingSeal,
  keys.artifacts.version,
  ...Object.values(keys.latest),
  ...Object.values(keys.lineage),
  keys.blobs.reference,
  keys.blobs.physicalName,
  keys.calls.expiry,
  keys.links.byTarget,
];

/**
 * Returns the owner of a row. Undefined if the row has none, or if its owner cannot be known.
 *
 * @param value undefined if the row is damaged: then some owners cannot be known.
 */
export function ownerOf(family: AnyFamily, parts: readonly unknown[], value: unknown): Owner | undefined {
  const ns = String(parts[0]);
  const last = parts.at(-1) as never;
  switch (family) {
    case keys.sessions.byTime:
    case keys.sessions.byMetadata:
    case keys.sessions.byLabel:
    case keys.sessions.byState:
    case keys.sessions.pendingSeal:
      return sessionOwner(ns, last);
    case keys.sessions.name:
      return value === undefined ? undefined : sessionOwner(ns, (value as { uid: SessionUid }).uid);
    case keys.artifacts.version:
      return value === undefined ? undefined : artifactOwner(ns, (value as { id: ArtifactId }).id);
    case keys.lineage.inputs:
      return artifactOwner(ns, parts[1] as ArtifactId);
    case keys.blobs.reference:
      return parts[2] === 'artifact' ? artifactOwner(ns, last) : sessionOwner(ns, last);
    case keys.links.byTarget:
      return { kind: 'link', ns, key: keys.links.record.key(String(last)) };
    case keys.blobs.physicalName:
      return ownerOfName(ns, String(parts[1]), value);
    case keys.calls.expiry:
      return ownerOfExpiry(parts);
    default:
      return artifactOwner(ns, last);
  }
}

function ownerOfName(ns: string, name: string, value: unknown): Owner | undefined {
  if (value === undefined) return undefined;
  const state = value as { state: string; sha256: never; notBefore: number };
  return state.state === 'live'
    ? { kind: 'blob', ns, key: keys.blobs.record.key(ns, state.sha256) }
    : { kind: 'condemned', ns, key: keys.blobs.condemned.key(state.notBefore, ns, name) };
}

function ownerOfExpiry([, ns, kind, id]: readonly unknown[]): Owner | undefined {
  if (kind === 'artifact') return artifactOwner(String(ns), id as ArtifactId);
  if (kind === 'link') return { kind: 'link', ns: String(ns), key: keys.links.record.key(String(id)) };
  if (kind === 'key') return { kind: 'apiKey', ns: String(ns), key: keys.credentials.apiKey.key(String(id)) };
  if (kind === 'session') return sessionOwner(String(ns), id as SessionUid);
  if (kind === 'gone')
    return { kind: 'sessionName', ns: String(ns), key: keys.sessions.name.key(String(ns), String(id)) };
  if (kind === 'token')
    return { kind: 'tokenUse', ns: String(ns), key: keys.credentials.tokenUse.key(String(ns), String(id)) };
  const [principal, requestId] = String(id).split('\0');
  if (kind !== 'request' || requestId === undefined) return undefined;
  return {
    kind: 'requestId',
    ns: String(ns),
    key: keys.calls.requestId.key(String(ns), principal!, requestId),
  };
}

/** Returns the key of the head that decides whether an artifact is the latest version; undefined for other owners. */
export function headKeyOf(owner: Owner, value: Value): Key | undefined {
  if (owner.kind !== 'artifact') return undefined;
  const { uid, name } = keys.artifacts.record.decode(value);
  return keys.artifacts.head.key(owner.ns, uid, name);
}

/**
 * Returns every row that is derived from an owner.
 *
 * @param value the owner's record. @param head the head that {@link headKeyOf} names, if it exists.
 */
export function derivedRows(owner: Owner, value: Value, head: HeadRecord | undefined): Draft['writes'] {
  const { ns, key } = owner;
  const draft = new Draft(ns);
  switch (owner.kind) {
    case 'artifact': {
      const record = keys.artifacts.record.decode(value);
      putDerived(draft, record);
      draft.put(keys.blobs.reference, [ns, record.sha256, 'artifact', record.id], true);
      if (head?.latest === record.id && !head.deleted) putLatest(draft, record);
      break;
    }
    case 'session': {
      const record = keys.sessions.record.decode(value);
      putDerivedOfSession(draft, record);
      if (record.state === 'sealing') draft.put(keys.sessions.pendingSeal, [ns, record.uid], true);
      if (record.manifest !== undefined)
        draft.put(keys.blobs.reference, [ns, record.manifest.sha256, 'manifest', record.uid], true);
      break;
    }
    case 'sessionName': {
      const { goneSince } = keys.sessions.name.decode(value);
      const [, id] = keys.sessions.name.parse(key);
      if (goneSince !== undefined) draft.put(keys.calls.expiry, [freeAgain(goneSince), ns, 'gone', id], true);
      break;
    }
    case 'link':
      putDerivedOfLink(draft, keys.links.record.parse(key)[0], keys.links.record.decode(value));
      break;
    case 'apiKey':
      putDerivedOfKey(draft, keys.credentials.apiKey.parse(key)[0], keys.credentials.apiKey.decode(value));
      break;
    case 'requestId': {
      const { expireTime } = keys.calls.requestId.decode(value);
      const [, principal, requestId] = keys.calls.requestId.parse(key);
      draft.put(keys.calls.expiry, [expireTime, ns, 'request', `${principal}\0${requestId}`], true);
      break;
    }
    case 'tokenUse': {
      const { expireTime } = keys.credentials.tokenUse.decode(value);
      const [, token] = keys.credentials.tokenUse.parse(key);
      draft.put(keys.calls.expiry, [expireTime, ns, 'token', token], true);
      break;
    }
    case 'blob': {
      const { name } = keys.blobs.record.decode(value);
      const [, sha256] = keys.blobs.record.parse(key);
      if (name !== undefined) draft.put(keys.blobs.physicalName, [ns, name], { state: 'live', sha256 });
      break;
    }
    case 'condemned': {
      const [notBefore, , name] = keys.blobs.condemned.parse(key);
      draft.put(keys.blobs.physicalName, [ns, name], { state: 'condemned', notBefore });
    }
  }
  return draft.writes;
}
