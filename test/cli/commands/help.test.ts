/** Help for what is no command. */
import { expect, it } from 'vitest';
import { exitCodes } from '../../../src/cli/exit.ts';
import { runLine } from '../failures/commands.ts';

const connect = () => expect.unreachable();

it.each([
  [['help', 'nosuch']],
  [['--quiet', 'help', 'nosuch']],
  [['session', 'help', 'nosuch']],
  [['config', 'help', 'nosuch', 'show']],
  [['help', '__proto__']],
])('is one sentence: %j', async (argv) => {
  expect(await runLine(argv, { connect })).toMatchObject({
    code: exitCodes.usage,
    stdout: '',
    stderr: expect.stringMatching(/^artifacta: unknown command '(nosuch|__proto__)': [^\n]*\n$/),
  });
});

it.each([[['help']], [['help', 'push']], [['help', 'session']], [['session', 'help', 'show']]])(
  'is that of what is one: %j',
  async (argv) => {
    expect(await runLine(argv, { connect })).toMatchObject({
      code: exitCodes.done,
      stdout: expect.stringMatching(/^Usage: artifacta /),
      stderr: '',
    });
  },
);
