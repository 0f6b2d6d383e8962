/** A platform without native parts is told so in a sentence, whichever package misses its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { withNativeParts } from '../../src/programs/native-parts.ts';
import { removeDirectory } from '../support/directories.ts';

const root = resolve(import.meta.dirname, '../..');

/** The program beside packages of which one lacks its native part. */
function without(part: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-native-'));
  onTestFinished(() => removeDirectory(directory));
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'pipe' });
  for (const path of ['dist', 'bin', ...packages.map((name) => `node_modules/${name}`)])
    cpSync(join(root, path), join(directory, path), { recursive: true });
  mkdirSync(join(directory, 'node_modules/.bin'));
  symlinkSync(process.execPath, join(directory, 'node_modules/.bin/node'));
  rmSync(join(directory, 'node_modules', part), { recursive: true });
  return directory;
}

/** That of the platform which the tests run on. */
const crcOfPlatform = readdirSync(join(root, 'node_modules/@node-rs')).find((name) => name !== 'crc32')!;

const packages = ['classic-level', 'node-gyp-build', '@node-rs'];

it.each([
  ['classic-level', 'classic-level/prebuilds'],
  ['@node-rs/crc32', `@node-rs/${crcOfPlatform}`],
])('%s', (name, part) => {
  const directory = without(part);
  writeFileSync(join(directory, 'output.json'), '{}');
  const run = (...args: string[]) => {
    const env = { PATH: process.env.PATH, HOME: directory, NODE_DISABLE_COMPILE_CACHE: '1' };
    return spawnSync(join(directory, 'bin/artifacta'), args, { cwd: directory, env, encoding: 'utf8' });
  };
  const sentence = `artifacta: cannot run on ${process.platform} ${process.arch}: ${name} has no native part for this platform; install again with optional packages, or use another platform\n`;
  for (const args of [['push', 'output.json', '--session', 'run'], ['serve']])
    expect([args, run(...args)]).toMatchObject([args, { status: 1, stdout: '', stderr: sentence }]);
  expect(run('--version').status).toBe(0);
});

it('what cannot be loaded is told too, and other errors are as they are', async () => {
  const failing = (error: Error) => withNativeParts(() => Promise.reject(error));
  const dlopen = Object.assign(new Error('libx.so: no such file\nRequire stack'), {
    code: 'ERR_DLOPEN_FAILED',
  });
  await expect(failing(dlopen)).rejects.toThrow(
    /^cannot run on \S+ \S+: a native part cannot be loaded \(libx\.so: no such file\);/,
  );
  const other = new Error('other');
  await expect(failing(other)).rejects.toBe(other);
});
