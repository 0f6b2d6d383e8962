/** Decides finally, from their records, whether sessions match a filter. */
import type { Budget } from '../../domain/load/budget.ts';
import { valueIn } from '../../domain/metadata.ts';
import { type Principal, seesSession } from '../../domain/principal.ts';
import type { Session } from '../../domain/session.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { SessionRecord } from '../../index/records.ts';
import { type Condition, type Field, matcher } from '../../query/condition.ts';
import type { Found } from '../../query/search.ts';
import { asOf, isPresent } from '../rows/session-life.ts';
import { readSessions } from '../rows/session-rows.ts';

/** The conditions for showing a session. */
interface SessionMatching {
  readonly by: Principal;
  readonly condition: Condition | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly budget: Budget;
}

/** Returns the sessions of these keys; undefined where nothing is to be shown. */
export async function matchingSessions(
  reader: Reader,
  { by, condition, now, budget }: SessionMatching,
  wanted: readonly Uint8Array[],
): Promise<(Found<Session> | undefined)[]> {
  budget.spend('records', wanted.length);
  const values = await reader.getMany(wanted);
  const meets = condition === undefined ? () => true : matcher(condition, fieldOf);
  const present = values.map((value) => {
    const record = value && asOf(keys.sessions.record.decode(value), now);
    if (record === undefined || !seesSession(by, record.id) || !isPresent(record, now)) return undefined;
    return meets(record) ? record : undefined;
  });
  const shown = present.filter((record) => record !== undefined);
  budget.spend('records', shown.filter(({ hasOutputs }) => hasOutputs).length);
  const items = await readSessions(reader, by.namespace, shown, now);
  let next = 0;
  return present.map((record) => {
    const item = record && items[next++];
    return item && { item, bytes: JSON.stringify(item).length };
  });
}

function fieldOf(record: SessionRecord, field: Field): string | number | undefined {
  switch (field.name) {
    case 'session':
      return record.id;
    case 'session.state':
      return record.state.toUpperCase();
    case 'session.outcome':
      return record.outcome?.toUpperCase();
    case 'create_time':
      return record.createTime;
    case 'seal_time':
      return record.sealTime;
    case 'metadata':
    case 'labels':
      return valueIn(record[field.name], field.key);
    case 'expire_time':
      return record.expireTime;
    default:
      return undefined;
  }
}
