/** Starts clients that only work, in processes of their own, beside those who take more than their share. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How it went for a client that only worked. */
interface Worked {
  /** How often it pushed, read and listed. */
  readonly calls: number;
  readonly failures: readonly string[];
}

/** Of `unread/canary.ts`. Times in milliseconds. */
export interface WorkedSteadily extends Worked {
  readonly p50: number;
  readonly p99: number;
}

/** Of `shares/canary.ts`, in milliseconds. */
interface WorkedAnew extends Worked {
  readonly longestMs: number;
}

interface Canary<W extends Worked> extends Disposable {
  /** Ends it after the call that it makes, and tells how it went. @throws Error if it ended by itself or does not end. */
  end(): Promise<W>;
}

/** Longer than any call of a client may take, in milliseconds. */
const endsWithinMs = 120_000;

/** A client that pushes, reads and lists over connections that it keeps. It has begun when this returns. */
export function startCanary(
  url: string,
  key: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Canary<WorkedSteadily>> {
  return start(join(import.meta.dirname, 'unread/canary.ts'), [url, key], env);
}

/** A client that connects anew to that listener for each push and list. It has begun when this returns. */
export function startCanaryAnew(listener: object, key: string): Promise<Canary<WorkedAnew>> {
  return start(join(import.meta.dirname, 'shares/canary.ts'), [JSON.stringify(listener), key], {});
}

async function start<W extends Worked>(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Canary<W>> {
  const child = spawn(process.execPath, ['--no-warnings', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const closed = once(child, 'close');
  // Its first line says that it listens for SIGTERM: a signal before that would end it without a word.
  await Promise.race([once(child.stdout, 'data'), closed]);
  return {
    async end() {
      const isAlive = child.kill('SIGTERM');
      const isClosed = await Promise.race([
        closed.then(() => true),
        delay(endsWithinMs, false, { ref: false }),
      ]);
      if (!isAlive || !isClosed || child.exitCode !== 0)
        throw new Error(
          `a client that only works ${isClosed ? `ended: ${child.exitCode}` : 'did not end'}: ${said}`,
        );
      return JSON.parse(said) as W;
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
