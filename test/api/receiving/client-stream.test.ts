/** The longest time for a message: it counts only while the service reads. */
import { expect, it } from 'vitest';
import { inTime } from '../../../src/api/receiving/client-stream.ts';

/** A stream that sends what it is given, and a clock that is wound by hand. */
function opened(isExcused: () => boolean) {
  const limits: (() => void)[] = [];
  const after = (_ms: number, task: () => void) => {
    limits.push(task);
    return () => {
      limits.splice(limits.indexOf(task), 1);
    };
  };
  const sent: ((result: IteratorResult<string>) => void)[] = [];
  const stream = { next: () => new Promise<IteratorResult<string>>((resolve) => void sent.push(resolve)) };
  const messages = inTime(stream, {
    signal: new AbortController().signal,
    after,
    idleMs: () => 30_000,
    isExcused,
  });
  const pass = () => limits.shift()?.();
  return { messages, pass, limits, send: (value: string) => sent.shift()?.({ done: false, value }) };
}

it('ends a stream whose caller sends nothing', async () => {
  const { messages, pass } = opened(() => false);
  const next = messages.next();
  pass();
  await expect(next).rejects.toThrow('the caller sent nothing for 30 s');
});

it('waits again for a caller from whom the service did not read', async () => {
  const answers = [true, true, true, false];
  const { messages, pass, limits, send } = opened(() => answers.shift() ?? false);
  const next = messages.next();
  pass();
  pass();
  expect(limits).toHaveLength(1);
  send('late');
  expect(await next).toEqual({ done: false, value: 'late' });
  expect(limits).toHaveLength(0);
});

it('counts anew only what happened since the wait began', async () => {
  // The first question is about the time before.
  const answers = [true, false];
  const { messages, pass } = opened(() => answers.shift() ?? false);
  const next = messages.next();
  pass();
  await expect(next).rejects.toThrow('the caller sent nothing for 30 s');
});
