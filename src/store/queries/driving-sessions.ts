/** The sessions that a filter asks for: where they are few, their lists can drive the query. */
import type { SessionUid } from '../../domain/ids.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Range } from '../../index/row.ts';
import { afterPrefix } from '../../index/tuple.ts';
import {
  leasedWord,
  mayHaveLapsed,
  type SessionsByPrefix,
  type SessionUids,
  sessionIdsIn,
  sessionPrefixesIn,
  statesIn,
} from '../../query/catalogs.ts';
import type { Condition } from '../../query/condition.ts';

/** A union of more lists than this costs more at its start than it is likely to save. */
const drivingSessionsMax = 16;

/** Finds the sessions of conditions, within the budget of one call. */
export class DrivingSessions {
  private readonly reader: Reader;
  private readonly ns: string;
  private readonly budget: Budget;

  constructor(reader: Reader, ns: string, budget: Budget) {
    this.reader = reader;
    this.ns = ns;
    this.budget = budget;
  }

  /** Returns the uids of all session ids that the condition names in full. */
  async named(condition: Condition | undefined): Promise<SessionUids> {
    const ids = condition === undefined ? [] : sessionIdsIn(condition);
    this.budget.spend('probes', ids.length);
    const names = await this.reader.getMany(ids.map((id) => keys.sessions.name.key(this.ns, id)));
    return new Map(
      ids.flatMap((id, at) => (names[at] ? [[id, keys.sessions.name.decode(names[at]).uid] as const] : [])),
    );
  }

  /** Returns the sessions whose ids begin as the condition says; none if they are many. */
  async byPrefix(condition: Condition | undefined): Promise<SessionsByPrefix> {
    const few = new Map<string, SessionUid[]>();
    let left = drivingSessionsMax;
    for (const prefix of condition === undefined ? [] : sessionPrefixesIn(condition)) {
      const uids: SessionUid[] = [];
      for await (const block of this.reader.scan({ ...namesFrom(this.ns, prefix), limit: left + 1 }))
        uids.push(...block.map(([, value]) => keys.sessions.name.decode(value).uid));
      this.budget.spend('entries', uids.length);
      if (uids.length > left) return new Map();
      left -= uids.length;
      few.set(prefix, uids);
    }
    return few;
  }

  /** Returns the sessions of each state and outcome of the condition that few sessions have. */
  async byState(condition: Condition | undefined): Promise<ReadonlyMap<string, readonly SessionUid[]>> {
    const few = new Map<string, SessionUid[]>();
    for (const word of condition === undefined ? [] : statesIn(condition)) {
      const uids: SessionUid[] = [];
      for (const listed of mayHaveLapsed(word) ? [word, leasedWord] : [word])
        uids.push(...(await this.listed(listed, drivingSessionsMax + 1)));
      if (uids.length <= drivingSessionsMax) few.set(word, uids);
    }
    return few;
  }

  /** Whether the condition asks for a state, and any session is listed as leased. */
  async haveLeases(condition: Condition): Promise<boolean> {
    return statesIn(condition).length > 0 && (await this.listed(leasedWord, 1)).length > 0;
  }

  /** Returns the first `limit` sessions that are listed under a state or outcome. */
  private async listed(word: string, limit: number): Promise<SessionUid[]> {
    const uids: SessionUid[] = [];
    for await (const block of this.reader.scan({ ...keys.sessions.byState.range(this.ns, word), limit }))
      uids.push(...block.map(([key]) => keys.sessions.byState.parse(key)[2]));
    this.budget.spend('entries', uids.length);
    return uids;
  }
}

/** Returns the range of the ids that begin with `prefix`. */
function namesFrom(ns: string, prefix: string): Range {
  if (prefix === '') return keys.sessions.name.range(ns);
  // A string in a key ends with a byte that does not belong to it, and the id is the last column.
  const gte = keys.sessions.name.key(ns, prefix).subarray(0, -1);
  return { gte, lt: afterPrefix(gte) };
}
