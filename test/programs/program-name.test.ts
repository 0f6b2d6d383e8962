/** The word that a greeting tells people to type starts this very program. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { programNameOf } from '../../src/programs/program-name.ts';
import { programPlaces } from '../../src/settings/config.ts';
import { newDirectory } from '../support/command.ts';

const programName = (main: string, env: Record<string, string>) => programNameOf(main, programPlaces(env));

it('is the name that a shell finds, else the path', async () => {
  const directory = await newDirectory();
  const at = (...names: string[]) => join(directory, ...names);
  for (const name of ['bin', 'dist', 'other', 'path', 'node_modules', 'node_modules/.bin'])
    await mkdir(at(name));
  for (const name of ['bin/artifacta', 'other/artifacta']) await writeFile(at(name), '');
  for (const name of ['path', 'node_modules/.bin']) await symlink(at('bin/artifacta'), at(name, 'artifacta'));
  const main = at('dist/main.js');
  expect(programName(main, { PATH: `/none::${at('path')}` })).toBe('artifacta');
  for (const PATH of ['', '/none', at('other'), at('node_modules/.bin')])
    expect(programName(main, { PATH })).toBe(at('bin/artifacta'));
  const ARTIFACTA_LAUNCHER = at('other/artifacta');
  expect(programName(main, { PATH: at('path'), ARTIFACTA_LAUNCHER })).toBe(at('other/artifacta'));
  expect(programName(main, { PATH: at('other'), ARTIFACTA_LAUNCHER })).toBe('artifacta');
  expect(programName('/none/main.js', { PATH: '' })).toBe('artifacta');
});
