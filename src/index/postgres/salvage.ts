/** What can be read of an index in a database, whatever it lacks. */
import { afterRealTime } from '../../domain/timer.ts';
import { scanNewestCommit } from '../engine/commits.ts';
import { examineRows } from '../engine/reader.ts';
import type { Salvage } from '../home.ts';
import { commitRange } from '../keys.ts';
import { Connection } from './connection.ts';
import { Moments } from './moments.ts';
import { statementsOf } from './statements.ts';

const beforeCommits = { gte: Uint8Array.of(0), lt: commitRange.gte };
const afterCommits = { gte: commitRange.lt, lt: Uint8Array.of(0xff) };

/** See {@link IndexHome.salvage}. @throws Failure STORE_UNAVAILABLE */
export async function salvageOf({
  url,
  schema,
}: {
  readonly url: string;
  readonly schema: string;
}): Promise<Salvage> {
  const moments = new Moments({
    open: () => Connection.open(url),
    statements: statementsOf(schema),
    momentsMax: 1,
    after: afterRealTime,
  });
  try {
    const snapshot = await moments.snapshot();
    return {
      newest: await scanNewestCommit(snapshot),
      async *rows() {
        yield* examineRows(snapshot, beforeCommits);
        yield* examineRows(snapshot, afterCommits);
      },
      [Symbol.asyncDispose]: () => moments.close(),
    };
  } catch (error) {
    await moments.close();
    throw error;
  }
}
