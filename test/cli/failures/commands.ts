/** Every command of the command line, with arguments that it takes, and what any failure of it may print. */
import { Readable, Writable } from 'node:stream';
import type { Io } from '../../../src/cli/io.ts';
import { run } from '../../../src/cli/program.ts';

/** One command line. `{file}` is a file, `{export}` an export, `{out}` a path where nothing is. */
interface Line {
  readonly argv: readonly string[];
  /** True: it calls a service. */
  readonly calls: boolean;
  /** True: it takes as long as it takes, and hears of a service that hangs by itself or not at all. */
  readonly waits?: boolean;
}

const calling = (...argv: string[]): Line => ({ argv, calls: true });
const waiting = (...argv: string[]): Line => ({ argv, calls: true, waits: true });
const local = (...argv: string[]): Line => ({ argv, calls: false });

/** By the words of the command. */
export const lines: Readonly<Record<string, Line>> = {
  push: calling('push', '{file}', '--session', 's'),
  run: calling('run', '--session', 'r', '--out', '{out}', '--', 'true'),
  pull: calling('pull', 's', '--to', '{out}'),
  ls: calling('ls', 's'),
  query: calling('query', 'name = "a"'),
  cat: calling('cat', 's/a'),
  show: calling('show', 's/a'),
  diff: calling('diff', 's', 't'),
  lineage: calling('lineage', 's/a'),
  watch: waiting('watch', 't'),
  // It ends with its input, before anything calls the service.
  mcp: local('mcp'),
  console: calling('console', '--print'),
  rm: calling('rm', 's/a'),
  update: calling('update', 's/a', '--label', 'a=b'),
  usage: calling('usage'),
  fsck: waiting('fsck'),
  scrub: calling('scrub'),
  export: calling('export', '{out}'),
  import: waiting('import', '{export}', '--replace'),
  'session open': calling('session', 'open', 'n'),
  'session seal': calling('session', 'seal', 's'),
  'session amend': calling('session', 'amend', 's', '--outcome', 'failed'),
  'session update': calling('session', 'update', 's', '--label', 'a=b'),
  'session rm': calling('session', 'rm', 's'),
  'session wait': waiting('session', 'wait', 't'),
  'session show': calling('session', 'show', 's'),
  'session ls': calling('session', 'ls'),
  share: calling('share', 's/a'),
  'share ls': calling('share', 'ls'),
  'share revoke': calling('share', 'revoke', 's/a'),
  'keys create': calling('keys', 'create', '--scope', 'read'),
  'keys ls': calling('keys', 'ls'),
  'keys revoke': calling('keys', 'revoke', 'k'),
  'keys mint': calling('keys', 'mint', '--scope', 'read'),
  'namespace create': calling('namespace', 'create', 'n'),
  'namespace set': calling('namespace', 'set', 'n', '--description', 'x'),
  'namespace show': calling('namespace', 'show', 'n'),
  'namespace ls': calling('namespace', 'ls'),
  'policy get': calling('policy', 'get'),
  'policy set': calling('policy', 'set', '--retain', 'failed=7d'),
  'policy apply': calling('policy', 'apply', '--retain', 'failed=7d', '--yes'),
  'config show': local('config', 'show'),
  'config set': local('config', 'set', 'url', 'grpc://127.0.0.1:1'),
  'config unset': local('config', 'unset', 'url'),
  'config path': local('config', 'path'),
  whoami: calling('whoami'),
  version: calling('version'),
  completion: local('completion', 'bash'),
};

interface Paths {
  readonly file: string;
  readonly export: string;
  readonly out: string;
}

/** A command line with its paths. */
export function argvOf(line: Line, paths: Paths): string[] {
  return line.argv.map((word) =>
    word.replace(/^\{(file|export|out)\}$/, (_all, name) => paths[name as keyof Paths]),
  );
}

/** Returns the words of a command that calls the service at a URL. */
export function argvAt(url: string, line: Line, paths: Paths): string[] {
  const argv = argvOf(line, paths);
  // What comes after -- belongs to the command that is run.
  const end = argv.indexOf('--');
  return argv.toSpliced(end === -1 ? argv.length : end, 0, '--url', url);
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one in this process. */
export async function runLine(argv: readonly string[], io: Pick<Io, 'connect'> & Partial<Io>): Promise<Ran> {
  const written = { stdout: '', stderr: '' };
  const collect = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += String(chunk);
        done();
      },
    });
  const streams = { stdin: Readable.from([]), stdout: collect('stdout'), stderr: collect('stderr') };
  const code = await run(argv, { ...streams, ...io });
  return { code, ...written };
}

/** What a stack, a library or JavaScript itself would say. */
const raw =
  /\n\s+at |node:|Error\b|\bERR_|\bE[A-Z]{4,}\b|serialize|parse binary|Parse Error|stream closed|NGHTTP2|SSL routines|\bundefined\b|\[object|\bNaN\b|Infinity|u?int(32|64)|premature|HTTP\/2 stream|content type [a-z]+\//;

/** What is wrong with how a failure was told; empty: one sentence, and advice below it. */
export function faultsOfTelling(stderr: string): string[] {
  const told = stderr.split('\n').filter((line) => line !== '');
  const sentences = told.filter((line) => line.startsWith('artifacta: '));
  return [
    ...(sentences.length === 0 ? ['nothing was said'] : []),
    ...told
      .filter((line) => !/^(artifacta: | {2}\S|Try "artifacta )/.test(line))
      .map((line) => `stray: ${line}`),
    ...told.filter((line) => raw.test(`\n${line}`)).map((line) => `raw: ${line}`),
  ];
}
