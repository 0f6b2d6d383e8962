/** The programs of docs/typescript.md, as a reader runs them; the command's data directory is an empty one. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startServe } from '../e2e/serve-process.ts';
import { newDirectory } from '../support/command.ts';

const root = resolve(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/typescript.md'), 'utf8');
const programs = [...text.matchAll(/```(?:ts|js)\n(.*?)```/gs)].map((found) => found[1]!);
const run = promisify(execFile);

const modules: Readonly<Record<string, string>> = {
  "'artifacta'": 'src/programs/library/published.ts',
  "'artifacta/web'": 'src/client/web/published.ts',
};

async function outputOf(program: string, home: string): Promise<string> {
  const imports = /'artifacta(?:\/web)?'/g;
  const file = join(home, 'program.mts');
  await writeFile(
    file,
    program.replace(imports, (name) => JSON.stringify(join(root, modules[name]!))),
  );
  const env = { PATH: process.env.PATH, HOME: home };
  const { stdout } = await run(process.execPath, [file], { cwd: home, env, timeout: 60_000 });
  return stdout;
}

it('begins with ten lines that run without a server', { timeout: 90_000 }, async () => {
  expect(text.slice(0, text.indexOf(programs[0]!)).split('\n').length).toBeLessThan(5);
  expect(
    programs[0]!
      .trim()
      .split('\n')
      .filter((line) => line !== ''),
  ).toHaveLength(10);
  const home = await newDirectory();
  const output = await outputOf(programs[0]!, home);
  expect(output).toBe('report.txt 1 9\ntotal 42\n\n');
  for (const line of output.trim().split('\n')) expect(text).toContain(`\`${line}\``);
  expect(await outputOf(programs[1]!, home)).toBe('42 succeeded\n');
});

it('shows a page', { timeout: 90_000 }, async () => {
  expect(programs).toHaveLength(3);
  const home = await newDirectory();
  const { http } = await startServe(join(home, 'data')).ready;
  const program = programs[2]!.replace('127.0.0.1:8080', String(http));
  expect(await outputOf(program, home)).toBe('greeting.txt committed\n');
});
