/** The service and commands with the index in PostgreSQL, as processes of their own. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { someBytes } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { startServe } from './serve-process.ts';

describe.skipIf('missing' in postgresPrograms())(
  'a store with its index in PostgreSQL',
  { timeout: 60_000 },
  () => {
    let server: PostgresServer;
    let directory: string;
    let dataDir: string;
    let variables: Record<string, string>;

    beforeAll(async () => {
      server = await PostgresServer.start();
    }, 60_000);
    afterAll(() => server[Symbol.asyncDispose]());
    beforeEach(async () => {
      directory = await newDirectory();
      dataDir = join(directory, 'data');
      variables = {
        ARTIFACTA_INDEX: `${server.url}?schema=${server.newSchema()}`,
        XDG_CACHE_HOME: join(directory, 'cache'),
      };
      await mkdir(join(directory, 'in'));
      await writeFile(join(directory, 'in', 'small.txt'), 'hello\n');
      await writeFile(join(directory, 'in', 'large.bin'), someBytes(3_000_000));
    });

    const run = (...args: string[]) => start([...args, '--data-dir', dataDir], { env: variables }).ended;

    async function expectPulled(to: string): Promise<void> {
      expect(await run('pull', 's', '--to', join(directory, to))).toMatchObject({ code: 0 });
      for (const name of ['small.txt', 'large.bin']) {
        const pulled = await readFile(join(directory, to, name));
        expect(pulled.equals(await readFile(join(directory, 'in', name)))).toBe(true);
      }
    }

    it('is served, and outlasts a kill of the service and of the server', async () => {
      const first = startServe(dataDir, [], variables);
      await first.ready;
      expect(await run('push', join(directory, 'in'), '--session', 's')).toMatchObject({ code: 0 });
      await expectPulled('one');
      first.child.kill('SIGKILL');
      await first.ended;
      await server.kill();
      await server.resume();
      const second = startServe(dataDir, [], variables);
      await second.ready;
      await expectPulled('two');
      expect(await run('fsck')).toMatchObject({ code: 0 });
      expect(second.warnings()).toEqual([]);
      second.child.kill('SIGTERM');
      expect(await second.ended).toBe(0);
      expect(await readdir(dataDir)).not.toContain('index');
    });

    it('is opened by commands alone, and by one process at a time', async () => {
      expect(await run('push', join(directory, 'in'), '--session', 's')).toMatchObject({ code: 0 });
      await expectPulled('one');
      const service = startServe(dataDir, [], variables);
      await service.ready;
      const other = startServe(join(directory, 'other'), ['--lock-wait-seconds', '0'], variables);
      other.ready.catch(() => undefined);
      expect(await other.ended).toBe(1);
      expect(`${other.stderr()}${JSON.stringify(other.lines)}`).toContain(
        'another process has the store in the schema',
      );
    });

    it('is not mistaken for a store whose index is in the directory, nor the other way around', async () => {
      expect(await run('push', join(directory, 'in'), '--session', 's')).toMatchObject({ code: 0 });
      const { ARTIFACTA_INDEX: _address, ...without } = variables;
      const asFiles = await start(['ls', '--data-dir', dataDir], { env: without }).ended;
      expect(asFiles).toMatchObject({
        code: expect.any(Number),
        stderr: expect.stringContaining('give --index, as before'),
      });
      const files = join(directory, 'files');
      const pushed = ['push', join(directory, 'in'), '--session', 's', '--data-dir', files];
      expect(await start(pushed, { env: without }).ended).toMatchObject({ code: 0 });
      const asDatabase = await start(['ls', '--data-dir', files], { env: variables }).ended;
      expect(asDatabase.stderr).toContain('--index cannot be given');
    });

    it('moves there from a directory, and back, by exports', async () => {
      const { ARTIFACTA_INDEX: _address, ...without } = variables;
      const at = (name: string, env: Record<string, string>) => ({
        directory: join(directory, name),
        run: async (...args: string[]) => {
          const ended = await start([...args, '--data-dir', join(directory, name)], { env }).ended;
          expect(ended, ended.stderr).toMatchObject({ code: 0 });
          return ended.stdout;
        },
      });
      const [files, database, again] = [
        at('files', without),
        at('database', variables),
        at('again', without),
      ];
      await files.run('push', join(directory, 'in'), '--session', 's');
      const listed = await files.run('ls', 's', '--json');
      expect(listed).toContain('large.bin');
      for (const [from, to] of [
        [files, database],
        [database, again],
      ] as const) {
        const file = join(directory, 'store.export');
        await from.run('export', file);
        await mkdir(to.directory, { mode: 0o700 });
        await cp(join(from.directory, 'blobs'), join(to.directory, 'blobs'), { recursive: true });
        await to.run('import', file);
        expect(await to.run('ls', 's', '--json')).toBe(listed);
        await rm(file);
      }
      await again.run('pull', 's', '--to', join(directory, 'pulled'));
      const pulled = await readFile(join(directory, 'pulled', 'large.bin'));
      expect(pulled.equals(await readFile(join(directory, 'in', 'large.bin')))).toBe(true);
    });
  },
);
