/** Completion scripts, in the shells that they are for, as far as these are installed. */
import { spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/program.ts';
import { Collected } from '../support.ts';

const commands = [
  'push',
  'pull',
  'ls',
  'query',
  'cat',
  'show',
  'diff',
  'lineage',
  'watch',
  'rm',
  'update',
  'share',
  'usage',
  'session',
  'keys',
  'namespace',
  'policy',
  'fsck',
  'scrub',
  'export',
  'import',
  'config',
  'whoami',
  'version',
  'completion',
];

async function script(shell: string): Promise<string> {
  const stdout = new Collected();
  const connect = async () => {
    throw new Error('a script needs no service');
  };
  const io = { stdin: Readable.from([]), stdout, stderr: new Collected(), connect };
  expect(await run(['completion', shell], io)).toBe(0);
  return stdout.bytes.toString();
}

const cases: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
  [['p'], ['push', 'pull', 'policy']],
  [['session', 'se'], ['seal']],
  [['session', 'seal', '--o'], ['--outcome']],
  [['session', 'seal', 'run', '--outcome', 'a'], ['abandoned']],
  [['push', 'file', '--new'], ['--new-version']],
  [['pull', '--fo'], ['--force']],
  [['completion', 'z'], ['zsh']],
  [['--js'], ['--json']],
];

const drivers = {
  bash: (words: readonly string[]) =>
    `COMP_WORDS=(artifacta ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
    _artifacta; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Outside a line editor there is no completion; what the script would offer is in one variable, unfiltered.
  zsh: (words: readonly string[]) =>
    `words=(artifacta ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=$#words; PREFIX=$words[-1]; _artifacta`,
  fish: (words: readonly string[]) =>
    `complete -C 'artifacta ${words.join(' ')}' | string replace -r '\\t.*' ''`,
};
const zshStubs =
  'compdef() { :; }; compadd() { shift; print -l -- "$@"; }; _files() { :; }; _describe() { print -l -- $offered; }\n';

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  it('is offered what may follow', async (context) => {
    const text = await script(shell);
    for (const name of [...commands, 'serve', '--outcome', 'succeeded'].map((word) => word.replace('--', '')))
      expect(text).toContain(name);
    if (spawnSync(shell, ['--version']).error !== undefined) {
      context.skip(`${shell} is not installed: its script is not run`);
      return;
    }
    for (const [words, offered] of cases) {
      const program = `${shell === 'zsh' ? zshStubs : ''}${text}\n${drivers[shell](words)}`;
      const ran = spawnSync(shell, ['-c', program], { encoding: 'utf8' });
      expect(ran.stderr).toBe('');
      const lines = ran.stdout.split('\n').map((line) => line.split(':')[0]!);
      const begun = lines.filter((line) => line !== '' && line.startsWith(words.at(-1)!));
      expect(begun.sort()).toEqual([...offered].sort());
    }
  });
});

it('leaves files to the shell', async () => {
  const text = await script('bash');
  for (const words of [
    ['push', ''],
    ['pull', 'run', '--to', ''],
    ['--data-dir', ''],
  ]) {
    const ran = spawnSync('bash', ['-c', `${text}\n${drivers.bash(words)}; echo \${#COMPREPLY[@]}`], {
      encoding: 'utf8',
    });
    expect(ran.stdout.trim()).toBe('0');
  }
  expect(text).toContain('complete -o default');
});

it('of another shell is refused', async () => {
  const stderr = new Collected();
  const io = {
    stdin: Readable.from([]),
    stdout: new Collected(),
    stderr,
    connect: async () => undefined as never,
  };
  expect(await run(['completion', 'tcsh'], io)).toBe(2);
  expect(stderr.bytes.toString()).toMatch(/bash, zsh, fish/);
});
