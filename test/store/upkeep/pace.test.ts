/** Maintenance rests for as long as it worked, and whoever awaits it gets its result. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { Pace } from '../../../src/store/upkeep/pace.ts';

test.each([
  [0.5, undefined],
  [1, 1],
  [7, 7],
  [50, 50],
  [1_000, 50],
])('after %s ms of work it rests %s ms', async (workMs, expected) => {
  let nowMs = 0;
  let restedMs: number | undefined;
  const pace = new Pace(
    () => nowMs,
    (ms, task) => {
      restedMs = ms;
      queueMicrotask(task);
      return () => expect.unreachable('nobody gives up a rest');
    },
  );
  const work = async () => {
    nowMs += workMs;
    return 'done';
  };
  expect(await pace.of(work)).toBe('done');
  expect(restedMs).toBe(expected);
});

test('a command that waits for nothing but the rest does not end before it', async () => {
  const source = new URL('../../../src/store/upkeep/pace.ts', import.meta.url).href;
  const script = `
    import { Pace } from ${JSON.stringify(source)};
    let nowMs = 0;
    const pace = new Pace(() => (nowMs += 20));
    process.stdout.write(await pace.of(async () => 'done'));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  expect({ code, said }).toEqual({ code: 0, said: 'done' });
});
