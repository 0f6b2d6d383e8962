/** The index's lists of artifacts and of sessions. */
import { mediaTypeOf } from '../domain/content-type.ts';
import { idToBytes, type SessionUid } from '../domain/ids.ts';
import { keys } from '../index/keys.ts';
import { type Fact, facts } from '../index/signature.ts';
import {
  asksForParameters,
  type Condition,
  type Field,
  type Test,
  type TextTest,
  toFilter,
} from './condition.ts';
import type { Catalog, List, Where } from './list.ts';
import { compareSuffixes, inverted } from './suffix.ts';

/** The sessions that session ids name; an id that names no session is absent. */
export type SessionUids = ReadonlyMap<string, SessionUid>;

/** The sessions whose ids begin with a text, where few do. */
export type SessionsByPrefix = ReadonlyMap<string, readonly SessionUid[]>;

/** Returns every session id that a condition names in full. */
export function sessionIdsIn(condition: Condition): string[] {
  if (condition.kind !== 'test') {
    const parts = condition.kind === 'not' ? [condition.of] : condition.of;
    return [...new Set(parts.flatMap(sessionIdsIn))];
  }
  const { field, test } = condition;
  return field.name === 'session' && test.is === 'equal' ? [test.text] : [];
}

/** Returns everything that a condition says session ids begin with. */
export function sessionPrefixesIn(condition: Condition): string[] {
  if (condition.kind !== 'test') {
    const parts = condition.kind === 'not' ? [condition.of] : condition.of;
    return [...new Set(parts.flatMap(sessionPrefixesIn))];
  }
  const { field, test } = condition;
  return field.name === 'session' && test.is === 'prefix' ? [test.text] : [];
}

/** Returns every state and outcome of sessions that a condition asks for. */
export function statesIn(condition: Condition): string[] {
  if (condition.kind !== 'test') {
    const parts = condition.kind === 'not' ? [condition.of] : condition.of;
    return [...new Set(parts.flatMap(statesIn))];
  }
  const { field, test } = condition;
  return isOfState(field) && test.is === 'equal' ? [test.text] : [];
}

/** The facts that must be known before the lists of artifacts can be named. */
interface ArtifactLists {
  /** The uids of every session id that the condition names. */
  readonly uids: SessionUids;
  readonly byPrefix: SessionsByPrefix;
  /** For every state and outcome that few sessions have, these sessions. */
  readonly byState: ReadonlyMap<string, readonly SessionUid[]>;
  /** Whether every artifact is in the list of its content type. */
  readonly listsTypes: boolean;
}

/** Returns the lists of the latest versions of a namespace. */
export function artifactCatalog(ns: string, { uids, byPrefix, byState, listsTypes }: ArtifactLists): Catalog {
  const isListed = (field: Field) => listsTypes || field.name !== 'content_type';
  return {
    all: { prefix: keys.latest.byTime.range(ns).gte, what: 'time' },
    listOf: (field, test) => {
      if (test.is !== 'equal' || !isListed(field)) return undefined;
      if (field.name === 'session') {
        const uid = uids.get(test.text);
        return uid === undefined
          ? listOfTest({ members: [] }, field, test)
          : listOfTest({ prefix: keys.latest.bySession.range(ns, uid).gte }, field, test);
      }
      const prefix = prefixOfArtifacts(ns, field, test);
      return prefix && listOfTest({ prefix }, field, test);
    },
    factOf,
    listAround: (field, test) => {
      if (field.name !== 'content_type' || !asksForParameters(test)) return undefined;
      if (!isListed(field) || (test.is !== 'equal' && test.is !== 'prefix')) return undefined;
      const ofType = { is: 'equal', text: mediaTypeOf(test.text) } as const;
      const prefix = keys.latest.byType.range(ns, ofType.text).gte;
      return listOfTest({ prefix }, field, ofType);
    },
    unionOf: (field, test) => {
      if (!('text' in test)) return undefined;
      const isOfPrefix = field.name === 'session' && test.is === 'prefix';
      const isOfWord = isOfState(field) && test.is === 'equal';
      const few = isOfPrefix ? byPrefix.get(test.text) : isOfWord ? byState.get(test.text) : undefined;
      return few?.map((uid) => listOfTest({ prefix: keys.latest.bySession.range(ns, uid).gte }, field, test));
    },
  };
}

/** Returns the list of what passes a test. It is put into words only for somebody who asks for them. */
function listOfTest(where: Where, field: Field, test: Test): List {
  return {
    ...where,
    get what() {
      return toFilter({ kind: 'test', field, test });
    },
  };
}

function isOfState(field: Field): boolean {
  return field.name === 'session.state' || field.name === 'session.outcome';
}

function factOf(field: Field, test: Test): Fact | undefined {
  if (test.is !== 'equal') return undefined;
  switch (field.name) {
    case 'metadata':
      return facts.metadata(field.key, test.text);
    case 'content_type':
      return asksForParameters(test) ? undefined : facts.type(test.text);
    case 'name':
      return facts.name(test.text);
    case 'session':
      return facts.session(test.text);
    default:
      return undefined;
  }
}

function prefixOfArtifacts(ns: string, field: Field, test: TextTest): Uint8Array | undefined {
  const { text } = test;
  switch (field.name) {
    case 'name':
      return keys.latest.byName.range(ns, text).gte;
    case 'content_type':
      return asksForParameters(test) ? undefined : keys.latest.byType.range(ns, text).gte;
    case 'metadata':
      return keys.latest.byMetadata.range(ns, field.key, text).gte;
    case 'labels':
      return keys.latest.byLabel.range(ns, field.key, text).gte;
    default:
      return undefined;
  }
}

/** The list of open sessions with a lease. Some of them may be sealed although no transaction has written that down. */
export const leasedWord = 'LEASED';

/** Whether a session that is listed as leased may have this state or outcome. */
export function mayHaveLapsed(word: string): boolean {
  return word === 'SEALED' || word === 'ABANDONED';
}

/**
 * Returns the lists of the sessions of a namespace.
 *
 * @param uids the uids of every session id that the condition names.
 * @param byPrefix the sessions of what the condition says ids begin with.
 * @param hasLeases whether any session is listed as leased: then the lists by state do not contain exactly the sessions in
 * that state.
 */
export function sessionCatalog(
  ns: string,
  uids: SessionUids,
  byPrefix: SessionsByPrefix,
  hasLeases: boolean,
): Catalog {
  const prefixOfState = (word: string) => ({ prefix: keys.sessions.byState.range(ns, word).gte });
  return {
    unionOf: (field, test) => {
      if (!isOfState(field) || test.is !== 'equal') return undefined;
      const lists = [listOfTest(prefixOfState(test.text), field, test)];
      return mayHaveLapsed(test.text) ? [...lists, { ...prefixOfState(leasedWord), what: 'leased' }] : lists;
    },
    all: { prefix: keys.sessions.byTime.range(ns).gte, what: 'time' },
    listOf: (field: Field, test: Test): List | undefined => {
      if (!('text' in test)) return undefined;
      const listed = (where: Where) => listOfTest(where, field, test);
      if (field.name === 'session' && test.is === 'prefix') {
        const few = byPrefix.get(test.text);
        return few && listed({ members: few.map((uid) => inverted(idToBytes(uid))).sort(compareSuffixes) });
      }
      if (test.is !== 'equal') return undefined;
      if (field.name === 'session') {
        const uid = uids.get(test.text);
        return listed({ members: uid === undefined ? [] : [inverted(idToBytes(uid))] });
      }
      if (isOfState(field)) return hasLeases ? undefined : listed(prefixOfState(test.text));
      if (field.name === 'metadata')
        return listed({ prefix: keys.sessions.byMetadata.range(ns, field.key, test.text).gte });
      if (field.name === 'labels')
        return listed({ prefix: keys.sessions.byLabel.range(ns, field.key, test.text).gte });
      return undefined;
    },
  };
}
