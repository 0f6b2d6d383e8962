/** The very first making of a store is killed at its system calls, one after another; the next start makes it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { launcher } from './serve-process.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace) console.warn('skipped, there is no strace: a first start that is killed');

/** A system call, and what of the data directory it is about. */
const kills: readonly (readonly [call: string, path: string])[] = [
  ['mkdir', 'lock'],
  ['mkdir', 'index'],
  ['rename', 'index/000001.dbtmp'],
  ['unlink', 'index/MANIFEST-000001'],
  ['mkdir', 'blobs'],
  ['link', 'blobs/.probe'],
  ['fsync', 'blobs'],
  ['rename', 'index.mark.tmp'],
];

it.skipIf(!hasStrace)(
  'a first start that is killed anywhere is followed by one that makes the store',
  {
    timeout: 240_000,
  },
  async () => {
    const directory = await newDirectory();
    // Else the files of that are counted as well.
    const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
    const survived: string[] = [];
    for (const [at, [call, path]] of kills.entries()) {
      const dataDir = join(directory, String(at));
      const of = ['-P', join(dataDir, path), '-e', `inject=${call}:signal=SIGKILL:when=1`];
      const command = [launcher, 'session', 'ls', '--quiet', '--data-dir', dataDir];
      const { signal, status } = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', ...of, ...command], {
        env,
      });
      if (signal !== 'SIGKILL' && status !== 137) survived.push(`${call} ${path}`);
      const next = await artifacta('session', 'ls', '--quiet', '--data-dir', dataDir);
      expect({ call, path, ...next }).toMatchObject({ call, path, code: 0, stderr: '' });
    }
    expect(survived).toEqual([]);
  },
);
