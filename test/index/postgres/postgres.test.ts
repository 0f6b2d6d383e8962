/** The index on PostgreSQL, on a real server. */
import { afterAll, beforeAll, describe } from 'vitest';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { indexContract } from '../contract.ts';
import { openPostgresRig, openReplicaRig } from '../rigs.ts';

const programs = postgresPrograms();
if ('missing' in programs) console.warn(`skipped, the index on PostgreSQL: ${programs.missing}`);

describe.skipIf('missing' in programs)('on PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    // What a failure of the machine would lose is not looked at here.
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  indexContract(
    'PostgreSQL',
    openPostgresRig(() => server),
  );
  indexContract(
    'PostgreSQL, a replica',
    openReplicaRig(() => server),
  );
});
