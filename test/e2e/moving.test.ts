/** A store that moves from a disk to PostgreSQL and back gives the same answers, byte by byte. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTransport } from '../server/grpc/listeners.ts';
import { newDirectory, start } from '../support/command.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { answersAt, fill, idsIn } from './moving-rig.ts';
import { startServe } from './serve-process.ts';

describe.skipIf('missing' in postgresPrograms())('a store that moves', { timeout: 120_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  interface Place {
    readonly directory: string;
    readonly env: Record<string, string>;
  }

  async function run(place: Place, ...args: string[]): Promise<string> {
    const { env } = place;
    const ended = await start([...args, '--data-dir', place.directory], { env }).ended;
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    return ended.stdout;
  }

  /** Serves the store as long as the work takes. */
  async function serving<T>(
    { directory, env }: Place,
    work: (transport: Transport) => Promise<T>,
  ): Promise<T> {
    const service = startServe(directory, [], env);
    const { grpc } = await service.ready;
    const opening = openTransport(String(grpc));
    try {
      return await work(opening.transport);
    } finally {
      opening[Symbol.dispose]();
      service.child.kill('SIGTERM');
      await service.ended;
    }
  }

  async function answersOf(place: Place, ids: readonly string[]): Promise<Map<string, readonly string[]>> {
    return await serving(place, (transport) => answersAt(transport, ids));
  }

  it('from a disk to PostgreSQL and back answers the same each time', async () => {
    const root = await newDirectory();
    const XDG_CACHE_HOME = join(root, 'cache');
    const inDatabase = { XDG_CACHE_HOME, ARTIFACTA_INDEX: `${server.url}?schema=${server.newSchema()}` };
    const places: [Place, Place, Place] = [
      { directory: join(root, 'first'), env: { XDG_CACHE_HOME } },
      { directory: join(root, 'second'), env: inDatabase },
      { directory: join(root, 'third'), env: { XDG_CACHE_HOME } },
    ];
    const [first] = places;
    const wanted = await serving(first, async (transport) => {
      await fill(transport);
      return await idsIn(transport);
    });
    const before = await answersOf(first, wanted);
    const refused = [...before].filter(([, answers]) => answers.some((each) => each.includes('Error')));
    expect(refused.map(([asked]) => asked)).toEqual([
      'ListArtifacts {"session":"deleted"}',
      'GetSession {"session":"deleted"}',
      'GetSession {"session":"absent"}',
      'DownloadManifest {"session":"open"}',
    ]);
    for (const [at, to] of places.slice(1).entries()) {
      const from = places[at]!;
      const file = join(root, `${at}.export`);
      await run(from, 'export', file);
      await mkdir(to.directory, { mode: 0o700 });
      await cp(join(from.directory, 'blobs'), join(to.directory, 'blobs'), { recursive: true });
      await run(to, 'import', file);
      expect(await answersOf(to, wanted)).toEqual(before);
      await run(to, 'fsck', '--contents');
    }
  });
});
