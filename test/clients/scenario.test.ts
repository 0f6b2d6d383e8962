/** The runner of the scenario, and the program that needs nothing but Node. */
import { expect, it } from 'vitest';
import { hold } from './hold.ts';
import { findPrograms, type Program } from './programs.ts';
import { differences, readSteps } from './scenario.ts';

const steps = readSteps();
const lines = steps.map(({ line }) => line);
const printed = (all: readonly string[]) => all.map((line) => `${line}\n`).join('');
const changed = (at: number, ...to: string[]) => printed(lines.toSpliced(at, 1, ...to));

it('says nothing of a program that prints what it must', () => {
  expect(differences(steps, printed(lines))).toEqual([]);
});

it('names a line that is wrong, in its order of keys too', () => {
  expect(differences(steps, changed(0, '{"step":"server"}'))).toEqual([
    expect.stringMatching(/^server:\n {2}printed {2}\{"step":"server"\}\n {2}expected \{.*\}$/),
  ]);
  const reordered = JSON.stringify({ step: 'range', ...(JSON.parse(lines[8]!) as object) });
  expect(differences(steps, changed(8, reordered))).toEqual([expect.stringMatching(/^range:/)]);
});

it('names a line that is missing, at the end and before it', () => {
  expect(differences(steps, printed(lines.slice(0, -1)))).toEqual(['newer: no line']);
  expect(differences(steps, changed(3))).toHaveLength(lines.length - 3);
  expect(differences(steps, '')).toHaveLength(lines.length);
});

it('names a line too many, and one without an end', () => {
  expect(differences(steps, printed([...lines, 'more']))).toEqual(['one line too many: more']);
  expect(differences(steps, printed(lines).trimEnd())).toEqual([
    'the last line has no end',
    'newer: no line',
  ]);
});

it('takes what a stack lacks if it is said on both sides', () => {
  const lack = '{"lacks":"it cannot","step":"compressed"}';
  const at = steps.findIndex(({ name }) => name === 'compressed');
  const lacks = { compressed: 'no library of it can' };
  expect(differences(steps, changed(at, lack), lacks)).toEqual([]);
  expect(differences(steps, changed(at, lack))).toEqual([expect.stringMatching(/^compressed:/)]);
  expect(differences(steps, printed(lines), lacks)).toEqual([
    expect.stringMatching(/^compressed: is said to be lacking/),
  ]);
  expect(differences(steps, printed(lines), { flight: 'it has no wings' })).toEqual([
    'lacks flight, which is no step',
  ]);
});

it('finds programs by their files, each with a name of its own that is a prefix of ids', () => {
  const names = findPrograms().map(({ name }) => name);
  expect(names).toContain('fetch');
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z0-9-]+$/.test(name))).toEqual([]);
});

it('holds plain fetch, and fails programs that print wrong lines, die, or cannot be made', async () => {
  const fetch = findPrograms().find(({ name }) => name === 'fetch')!;
  const shell = (name: string, command: string, more: Partial<Program> = {}): Program => ({
    name,
    folder: import.meta.dirname,
    run: ['sh', '-c', command],
    ...more,
  });
  const said: string[] = [];
  const tally = await hold(
    [
      fetch,
      shell(
        'liar',
        `printf '%s\\n' ${lines.map((line) => `'${line.replace('unchanged', 'new')}'`).join(' ')}`,
      ),
      shell('silent', 'exit 0'),
      shell('dead', 'kill -9 $$'),
      shell('careless', 'sleep 600 & exit 3'),
      shell('unmade', 'true', { prepare: ['sh', '-c', 'echo broken; exit 1'] }),
      shell('elsewhere', 'true', { prepare: ['sh', '-c', 'echo not on this planet; exit 77'] }),
      shell('needy', 'true', { needs: ['no-such-command-at-all'] }),
    ],
    (text) => said.push(text),
  );
  expect(said[0]).toBe(`fetch: ${steps.length} lines as they must be`);
  expect(said[1]?.split('\n').slice(0, 2)).toEqual(['liar: FAILED', '  push-again:']);
  expect(said[1]?.split('\n')).toHaveLength(4);
  expect(said[2]).toMatch(/^silent: FAILED\n {2}server: no line\n/);
  expect(said[3]).toMatch(/it ended with SIGKILL$/);
  expect(said[4]).toMatch(/it ended with 3$/);
  expect(said[5]).toBe('unmade: FAILED: it cannot be made (1):\nbroken');
  expect(said.slice(6)).toEqual([
    'elsewhere: skipped: not on this planet',
    'needy: skipped: there is no no-such-command-at-all',
  ]);
  expect(tally).toEqual({ passed: 1, failed: 5, skipped: 2 });
}, 120_000);
