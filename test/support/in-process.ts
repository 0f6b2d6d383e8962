/**
 * Command lines in this process, with real stores, sockets and files. It is what `src/main.ts` does for a command, but
 * for its signals and its exit: where these, the pipes or the process itself are what a test is about, it starts one
 * with `start` of `command.ts`. Starting one takes more processor time than most commands do.
 */
import { Readable, Writable } from 'node:stream';
import { run } from '../../src/cli/program.ts';
import { openClientSettings } from '../../src/programs/client-settings.ts';
import { openConnection } from '../../src/programs/connect.ts';
import { terminalOf } from '../../src/settings/config.ts';
import { keptNames } from '../../src/settings/kept-file.ts';
import type { Ended } from './command.ts';

/** Where a command runs. What is not given is as it is for this process. */
interface Place {
  readonly cwd?: string;
  /** All of the environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Directory and environment are of the whole process, so that one command waits for the one before. */
let last: Promise<unknown> = Promise.resolve();

/** Runs `artifacta ARGS` to its end, with nothing at its standard input. */
export function artifactaAt(place: Place, args: readonly string[]): Promise<Ended> {
  const ran = last.then(() => at(place, () => runToEnd(args)));
  last = ran.catch(() => undefined);
  return ran;
}

/** Runs `artifacta ARGS` to its end, with nothing at its standard input. */
export function artifacta(...args: readonly string[]): Promise<Ended> {
  return artifactaAt({}, args);
}

async function at<T>({ cwd, env }: Place, work: () => Promise<T>): Promise<T> {
  const before = { cwd: process.cwd(), env: process.env };
  if (cwd !== undefined) process.chdir(cwd);
  if (env !== undefined) process.env = { ...env };
  try {
    return await work();
  } finally {
    process.chdir(before.cwd);
    process.env = before.env;
  }
}

async function runToEnd(args: readonly string[]): Promise<Ended> {
  const stdout = new Text();
  const stderr = new Text();
  const code = await run(args, {
    stdin: Readable.from([]),
    stdout,
    stderr,
    terminal: terminalOf(),
    connect: openConnection,
    keptSettings: keptNames,
    settings: async () => openClientSettings(),
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Text extends Writable {
  private readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}
