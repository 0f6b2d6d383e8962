/** A database whose disk is full: on a file system of a few megabytes, which needs the rights of root. */
import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import { SmallDisk, whyNoSmallDisk } from '../../faults/disk/small-disk.ts';
import { PostgresServer, postgresDirectory, postgresPrograms, postgresUser } from '../../support/postgres.ts';
import { increment, key, put, rowsOf, text, write } from '../support.ts';
import { recovered, storeOn } from './store.ts';

const MiB = 1024 * 1024;

const programs = postgresPrograms();
const missing = 'missing' in programs ? programs.missing : whyNoSmallDisk();
if (missing !== undefined) console.warn(`skipped, a full disk below PostgreSQL: ${missing}`);

/** A file system of this size; it goes when the test ends. */
async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const directory = await postgresDirectory();
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const disk = new SmallDisk(join(directory, 'disk'), megabytes * MiB);
  onTestFinished(() => disk[Symbol.dispose]());
  return disk;
}

async function serverOn(settings: readonly string[] = [], parent?: string): Promise<PostgresServer> {
  const server = await PostgresServer.start(settings, parent);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** Writes rows of 100 KiB until one is refused; returns the names of those that were acknowledged, and the refusal. */
async function writeUntilRefused(index: Index): Promise<{ acknowledged: string[]; refusal: unknown }> {
  const acknowledged: string[] = [];
  for (let at = 0; at < 1_000; at++) {
    const name = `large ${at}`;
    try {
      await write(index, [put(name, name.padEnd(100 * 1024, String(at)))]);
      acknowledged.push(name);
    } catch (refusal) {
      return { acknowledged, refusal };
    }
  }
  throw new Error('the disk did not become full');
}

async function expectRows(index: Index, names: readonly string[]): Promise<void> {
  const found = new Map(await rowsOf(index));
  for (const name of names) expect(found.get(name)?.startsWith(name)).toBe(true);
}

describe.skipIf(missing !== undefined)('a full disk below PostgreSQL', { timeout: 120_000 }, () => {
  test('of the rows: writes are refused by name, reads go on, and writing goes on when there is room', async () => {
    const disk = await smallDisk(24);
    const server = await serverOn();
    const place = join(disk.path, 'rows');
    await mkdir(place);
    execFileSync('chown', [postgresUser()!, place]);
    await server.run(`CREATE TABLESPACE small LOCATION '${place}'`);
    await server.run(`ALTER ROLE postgres SET default_tablespace = 'small'`);
    const { open } = await storeOn(server);
    const warnings: string[] = [];
    const index = await open({ warn: (message) => warnings.push(message) });
    await write(index, [put('a', '1')]);
    disk.fill(6 * MiB);
    const { acknowledged, refusal } = await writeUntilRefused(index);
    expect(acknowledged.length).toBeGreaterThan(5);
    expect(refusal).toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: 'the outcome is unknown: the index could not be written: the disk of the database is full',
    });
    expect(warnings.join('\n')).toContain('the disk of the database is full');
    expect(text(await index.get(key('a')))).toBe('1');
    await expectRows(index, acknowledged);
    disk.free();
    await recovered(index);
    await write(index, [put('more', 'x'.repeat(MiB))]);
    expect(await increment(index, 'a')).toBe(2);
    await expectRows(index, acknowledged);
  });

  test('of the whole server: it ends, which shows, and nothing is lost when it has room again', async () => {
    const disk = await smallDisk(160);
    const server = await serverOn(['wal_recycle=off', 'min_wal_size=32MB', 'max_wal_size=64MB'], disk.path);
    const { open } = await storeOn(server);
    const index = await open();
    await write(index, [put('a', '1')]);
    disk.fill(2 * MiB);
    const { acknowledged, refusal } = await writeUntilRefused(index);
    expect(refusal).toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(
        /^the outcome is unknown: the index could not be written: .*the database/,
      ),
    });
    disk.free();
    if (server.hasEnded) await server.resume();
    await recovered(index);
    await expectRows(index, acknowledged);
    expect(await increment(index, 'a')).toBe(2);
  });
});
