/** The service and commands with the index in PostgreSQL, as processes of their own. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
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

    it('is refused in the data directory of another store, and beside its own again', async () => {
      expect(await run('push', join(directory, 'in'), '--session', 's')).toMatchObject({ code: 0 });
      const another = { ...variables, ARTIFACTA_INDEX: `${server.url}?schema=${server.newSchema()}` };
      const elsewhere = join(directory, 'elsewhere');
      const pushed = ['push', join(directory, 'in'), '--session', 's', '--data-dir', elsewhere];
      expect(await start(pushed, { env: another }).ended).toMatchObject({ code: 0 });
      const asked = await start(['ls', 's', '--data-dir', dataDir], { env: another }).ended;
      expect(asked).toMatchObject({
        code: expect.any(Number),
        stderr: expect.stringMatching(
          /the data directory \S+ belongs to the store \S+, and the schema store_\d+ of postgres:\/\/\S+ has the store \S+: give --data-dir and --index of one store/,
        ),
      });
      expect(asked.code).not.toBe(0);
      const served = startServe(dataDir, [], another);
      served.ready.catch(() => undefined);
      expect(await served.ended).toBe(1);
      await expectPulled('one');
      expect(await run('fsck', '--contents')).toMatchObject({ code: 0 });
    });

    it('is not ready while its server is lost, although nothing is written, and is again afterwards', async () => {
      const service = startServe(dataDir, ['--admin-listen', '127.0.0.1:0'], variables);
      const { admin } = await service.ready;
      const ready = async () => {
        const answer = await fetch(`http://${String(admin)}/readyz`);
        return [answer.status, await answer.json()];
      };
      expect(await ready()).toEqual([200, { phase: 'serving' }]);
      await server.kill();
      await expect.poll(ready, { timeout: 10_000 }).toEqual([503, { phase: 'unreadable' }]);
      const status = await run('fsck');
      expect(status.code).not.toBe(0);
      await server.resume();
      await expect.poll(ready, { timeout: 30_000 }).toEqual([200, { phase: 'serving' }]);
      expect(await run('push', join(directory, 'in'), '--session', 's')).toMatchObject({ code: 0 });
    });
  },
);
