/** A process that is killed with SIGKILL right after it has quarantined a content, on a real disk with damaged files. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { copyDirectory, removeDirectory } from '../../support/directories.ts';
import { inspect } from '../at-rest.ts';

const child = join(import.meta.dirname, 'scrub-child.ts');

it('a kill between a quarantine and the place of the round loses neither', { timeout: 120_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-scrub-'));
  onTestFinished(() => removeDirectory(home));
  const run = (dataDir: string, what: string, occurrence = 0) => {
    const args = [child, dataDir, what, String(occurrence)];
    const { signal, status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([what, stderr, signal === null ? status : 0]).toEqual([what, '', 0]);
    return { signal, said: stdout === '' ? undefined : JSON.parse(stdout) };
  };
  const damaged = join(home, 'damaged');
  run(damaged, 'push');
  const entries = await readdir(join(damaged, 'blobs'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(files).toHaveLength(4);
  for (const path of files.slice(0, 2)) {
    const bytes = await readFile(path);
    bytes[1_000]! ^= 1;
    await writeFile(path, bytes, { flag: 'r+' });
  }

  for (const occurrence of [1, 2]) {
    const dataDir = join(home, `after-${occurrence}`);
    copyDirectory(damaged, dataDir);
    expect(run(dataDir, 'scrub', occurrence).signal).toBe('SIGKILL');
    // A read would quarantine the other one.
    expect(run(dataDir, 'list').said).toBe(occurrence);
    // The round is begun anew, and says only what is new.
    expect(run(dataDir, 'scrub').said).toBe(2 - occurrence);
    const { quarantined, read } = run(dataDir, 'tell').said;
    expect(quarantined).toBe(2);
    expect(read.toSorted()).toEqual(['DATA_LOSS', 'DATA_LOSS', 'OK', 'OK']);
    run(dataDir, 'push');
    expect(run(dataDir, 'tell').said).toEqual({ quarantined: 0, read: ['OK', 'OK', 'OK', 'OK'] });
    expect(run(dataDir, 'scrub').said).toBe(0);
    expect((await inspect(dataDir)).faults).toEqual([]);
  }
});
