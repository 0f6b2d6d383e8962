/** The suites of the API over an index in PostgreSQL. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPostgresIndex } from '../../src/index/postgres/postgres.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { type OpenService, openServiceOver } from '../support/service.ts';
import { suitesThrough } from './suites.ts';

describe.skipIf('missing' in postgresPrograms())('over PostgreSQL', () => {
  let server: PostgresServer;
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'artifacta-api-'));
    server = await PostgresServer.start(['fsync=off', 'max_connections=300']);
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });

  const openPostgresService: OpenService = (options) => {
    const schema = server.newSchema();
    return openServiceOver(options, (clock) =>
      openPostgresIndex({ url: server.url, schema, markPath: join(home, schema), clock }),
    );
  };

  suitesThrough('an index in PostgreSQL', openPostgresService);
});
