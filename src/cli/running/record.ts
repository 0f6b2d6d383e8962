/** What is known of a run in addition to its files: its command, its commit, how long it took and how it ended. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Outcome } from '../../client/sessions/session.ts';
import type { End } from './child.ts';
import { withoutSecrets } from './secrets.ts';
import type { NotCaptured } from './snapshot.ts';
import { quoted } from './words.ts';

const metadataBytesMax = 1_024;
const namedMax = 100;
const gitMsMax = 2_000;

/** The facts of a run that are known when it begins. */
export interface Begun {
  /** The command, without what looks like a secret. */
  readonly words: readonly string[];
  readonly directory: string;
  readonly time: Date;
  /** Undefined: the directory is not in a git repository. */
  readonly gitCommit: string | undefined;
  /** The variables that were asked for, by name. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Returns the facts of a command that is about to begin. */
export async function begin(
  words: readonly string[],
  {
    directory,
    time,
    names,
    env,
  }: {
    readonly directory: string;
    readonly time: Date;
    readonly names: readonly string[];
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<Begun> {
  const known = names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return {
    words: withoutSecrets(words),
    directory,
    time,
    gitCommit: await commitOf(directory),
    environment: Object.fromEntries(known),
  };
}

/** Returns the metadata of the session. */
export function metadataOf({ words, gitCommit }: Begun): Record<string, string> {
  return {
    command: shortened(words.map(quoted).join(' ')),
    ...(gitCommit === undefined ? {} : { git_commit: gitCommit }),
  };
}

/** Returns the labels of the session that say how the command ended. */
export function labelsOf(end: End): Record<string, string> {
  return 'status' in end ? { exit_code: String(end.status) } : { signal: end.signal };
}

/** Returns the outcome of the session. Who interrupts a run cancels it. */
export function outcomeOf(end: End): Outcome {
  if ('signal' in end) return end.signal === 'SIGINT' ? 'cancelled' : 'failed';
  return end.status === 0 ? 'succeeded' : 'failed';
}

/** Returns `.run/result.json`, for programs. */
export function resultOf(
  begun: Begun,
  end: End,
  {
    time,
    captured,
    others,
  }: {
    readonly time: Date;
    readonly captured: number;
    readonly others: readonly NotCaptured[];
  },
): string {
  const result = {
    command: begun.words,
    directory: begun.directory,
    exitCode: 'status' in end ? end.status : null,
    signal: 'signal' in end ? end.signal : null,
    startTime: begun.time.toISOString(),
    endTime: time.toISOString(),
    durationMs: time.getTime() - begun.time.getTime(),
    gitCommit: begun.gitCommit ?? null,
    environment: begun.environment,
    filesCaptured: captured,
    filesNotCaptured: others.length,
    notCaptured: others.slice(0, namedMax),
  };
  return `${JSON.stringify(result, undefined, 2)}\n`;
}

async function commitOf(directory: string): Promise<string | undefined> {
  try {
    const run = promisify(execFile);
    const { stdout } = await run('git', ['rev-parse', 'HEAD'], { cwd: directory, timeout: gitMsMax });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

function shortened(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= metadataBytesMax) return text;
  // A character that is cut in two is left out.
  const end = bytes.subarray(0, metadataBytesMax - 3);
  return `${new TextDecoder().decode(end).replace(/\ufffd+$/, '')}…`;
}
