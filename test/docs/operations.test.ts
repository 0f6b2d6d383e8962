/** The commands of docs/operations.md, one after another, as an operator types them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';

const root = resolve(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/operations.md'), 'utf8');

/** What is typed, section by section. */
const sections = text
  .split(/^## /m)
  .map((section) => ({
    title: section.slice(0, section.indexOf('\n')),
    lines: [...section.matchAll(/^\$ (.*)$/gm)].map((found) => found[1]!),
  }))
  .filter(({ lines }) => lines.length > 0);

it('backs a store up, restores it elsewhere, and has it checked', { timeout: 120_000 }, async () => {
  const home = await newDirectory();
  mkdirSync(join(home, 'bin'));
  symlinkSync(join(root, 'bin/artifacta'), join(home, 'bin/artifacta'));
  const run = (line: string) => {
    const env = { PATH: `${join(home, 'bin')}:${process.env.PATH}`, HOME: home };
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: home, env, encoding: 'utf8' });
    expect([line, status, stderr]).toEqual([line, 0, expect.any(String)]);
    return `${stdout}${stderr}`;
  };
  const contents = { 'small.json': '{"total": 42}\n', 'large.bin': 'all of it\n'.repeat(100_000) };
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(home, name), content);
  run('artifacta push small.json large.bin --session run_42 --data-dir data');
  run('artifacta session seal run_42 --data-dir data');

  const said: Record<string, string> = {};
  for (const { title, lines } of sections) for (const line of lines) said[`${title}: ${line}`] = run(line);

  for (const [name, content] of Object.entries(contents))
    expect(readFileSync(join(home, 'pulled', name), 'utf8')).toBe(content);
  expect(Object.keys(said)).toHaveLength(11);
  // Before somebody has looked, the store says that it waits; afterwards it does not.
  expect(said['Try the backup: artifacta fsck --contents --data-dir restored']).toContain('paused');
  expect(said['Restore: artifacta fsck --data-dir restored']).toContain('nothing is wrong');
  expect(said['Restore: artifacta fsck --data-dir restored']).not.toContain('paused');
});
