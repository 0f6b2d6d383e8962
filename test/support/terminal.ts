/** Programs on a real terminal: a pseudo-terminal that `script` of util-linux opens. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';

/** Whether this machine has `script`, with the options of util-linux. */
export const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes(
  'util-linux',
);
if (!hasTerminal) process.stderr.write('skipped: there is no script of util-linux\n');

interface OnTerminal {
  /** Sends the program a signal. The terminal outlives it until all that it showed is read. */
  kill(signal: NodeJS.Signals): void;
  /** What the terminal was sent so far; each line ends with CR and LF. */
  shown(): string;
  /** Resolves when it shows the text; rejects if the program ends without. */
  until(text: string | RegExp): Promise<string>;
  /** Resolves when the program has ended, with its exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts a program whose standard streams are a terminal. Killed when the test ends, if it has not ended by then. */
export function onTerminal(
  words: readonly string[],
  { env, cwd }: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string },
): OnTerminal {
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...env },
    cwd,
  });
  let shown = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    for (const look of waiting) look();
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const kill = (signal: NodeJS.Signals) => {
    for (const pid of childrenOf(child)) process.kill(pid, signal);
  };
  onTestFinished(async () => {
    // A service takes the loss of its terminal for the wish to read its files again.
    kill('SIGKILL');
    child.kill('SIGKILL');
    await ended;
  });
  const until = async (text: string | RegExp) => {
    const seen = Promise.withResolvers<string>();
    const look = () => {
      if (typeof text === 'string' ? shown.includes(text) : text.test(shown)) seen.resolve(shown);
    };
    waiting.add(look);
    look();
    void ended.then((code) => seen.reject(new Error(`ended with ${code}: ${shown}`)));
    try {
      return await seen.promise;
    } finally {
      waiting.delete(look);
    }
  };
  return { kill, shown: () => shown, until, ended };
}

function childrenOf({ pid, exitCode, signalCode }: ChildProcess): number[] {
  if (exitCode !== null || signalCode !== null) return [];
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return pids
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
}
