/** The rings of commits of all replicas, for a process that continues after them. */
import type { Buffer } from 'node:buffer';
import { ringSlots } from '../../engine/commits.ts';
import { decodeRow } from '../../engine/stored-row.ts';
import { commitRange, keys } from '../../keys.ts';
import { byteaArray } from '../bytea.ts';
import type { Connection } from '../connection.ts';

/** Returns the time of the newest commit of any replica, in milliseconds; 0 if none has written. */
export async function newestReplicaTime(connection: Connection, schema: string): Promise<number> {
  const ends = [keys.store.commit.key(ringSlots), commitRange.lt];
  const rows = await connection.query(
    {
      name: 'commits of replicas',
      text: `SELECT r.key, r.value FROM "${schema}".rows AS r, (SELECT $1::bytea[] AS ends) AS given
WHERE r.key >= given.ends[1] AND r.key < given.ends[2]`,
    },
    [byteaArray(ends)],
  );
  let newest = 0;
  for (const [key, value] of rows) {
    const { time } = keys.store.commit.decode(decodeRow(key as Buffer, value as Buffer));
    newest = Math.max(newest, time);
  }
  return newest;
}
