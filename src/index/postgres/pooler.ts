/**
 * A pooler between the service and the server. In session mode it does no harm. In transaction mode it gives a
 * connection to others between two transactions: then locks and settings belong to no user, and the store is refused.
 */
import { randomUUID } from 'node:crypto';
import type { Connection } from './connection.ts';
import { DatabaseTrouble, poolerCode, poolerWords } from './troubles.ts';

/** The connections that may get what another had, if a pooler shares it. */
const othersCount = 2;

/** Does nothing where no pooler is. @throws DatabaseTrouble if what is set on the connection is seen by others. */
export async function refuseSharedSessions(
  connection: Connection,
  connect: () => Promise<Connection>,
): Promise<void> {
  const process = await valueAt(connection, 'pg_backend_pid()');
  if (process === connection.serverProcess) return;
  const id = randomUUID();
  await connection.run(`SET artifacta.session = '${id}'`);
  const seen = (by: Connection) => valueAt(by, `current_setting('artifacta.session', true)`);
  const others: Connection[] = [];
  try {
    while (others.length < othersCount) {
      const other = await connect();
      others.push(other);
      await other.run('BEGIN');
      if ((await seen(other)) === id) throw new DatabaseTrouble(poolerWords, poolerCode);
    }
    if ((await seen(connection)) !== id) throw new DatabaseTrouble(poolerWords, poolerCode);
  } finally {
    await Promise.all(others.map((other) => other.close()));
  }
}

/** Statements without a name are parsed each time: a shared connection might not know them. */
async function valueAt(connection: Connection, expression: string): Promise<unknown> {
  const [row] = await connection.query({ name: '', text: `SELECT ${expression}` });
  return row?.[0];
}
