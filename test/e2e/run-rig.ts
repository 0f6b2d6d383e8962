/** `artifacta run` as a process, and what it left in its session. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Ended, newDirectory, type Running, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';

/** A working directory, and a store beside it. */
export interface RunPlace {
  readonly directory: string;
  readonly dataDir: string;
  /** Starts `artifacta run ARGS`. */
  run(...args: readonly string[]): Running;
  /** Runs another command line to its end, against the same store. */
  command(...args: readonly string[]): Promise<Ended>;
  /** The names of a session's artifacts, without those of the output's pieces, sorted. */
  names(session: string): Promise<string[]>;
  /** The content of an artifact, as text. */
  content(ref: string): Promise<string>;
  /** The record of a session. */
  session(id: string): Promise<Record<string, unknown>>;
}

/** @param files the contents of the files that exist before, by path. */
export async function runPlace(files: Readonly<Record<string, string>> = {}): Promise<RunPlace> {
  const root = await newDirectory();
  const directory = join(root, 'work');
  const dataDir = join(root, 'data');
  await mkdir(directory);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  const command = (...args: readonly string[]) => artifacta(...args, '--data-dir', dataDir);
  const linesOf = async (...args: readonly string[]) => {
    const { stdout, stderr, code } = await command(...args, '--json');
    if (code !== 0) throw new Error(stderr);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  };
  return {
    directory,
    dataDir,
    run: (...args) => start(['run', ...args], { cwd: directory, env: { ARTIFACTA_DATA_DIR: dataDir } }),
    command,
    names: async (session) => {
      const found = await linesOf('ls', session);
      return found
        .map(({ name }) => name)
        .filter((name) => !name.includes('.parts/'))
        .sort();
    },
    content: async (ref) => (await command('cat', ref)).stdout,
    session: async (id) => (await linesOf('session', 'show', id))[0],
  };
}
