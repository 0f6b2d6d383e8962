/** Standard streams that fail or are a terminal. Closed ones are in `process.test.ts`: a shell closes them. */
import { Readable, Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../../src/cli/exit.ts';
import { openTestStore, transportTo } from '../support.ts';
import { runLine } from './commands.ts';

const store = await openTestStore();
afterAll(() => store[Symbol.asyncDispose]());
const connection = { transport: transportTo(store), description: 'it', close: async () => {} };
const connect = async () => connection;

const readers = [
  ['push', '-', '--session', 's', '--name', 'a'],
  ['push', '--session', 's', '--name', 'a'],
  ['import', '-'],
];

/** Gives some bytes, then fails as the system does. */
async function* failing(code: string) {
  yield Buffer.from('x');
  throw Object.assign(new Error(`${code}: read`), { code, syscall: 'read' });
}

describe('standard input', () => {
  it.each(readers.slice(0, 2))('that cannot be read: %s %s', async (...argv) => {
    for (const [code, why] of [
      ['EBADF', 'it is closed'],
      ['EISDIR', 'it is a directory'],
      ['EIO', 'input/output error'],
    ] as const) {
      const ran = await runLine(argv, { connect, stdin: Readable.from(failing(code)) });
      expect(ran).toMatchObject({ code: exitCodes.failed, stdout: '' });
      expect(ran.stderr).toMatch(new RegExp(`^artifacta: (-: )?standard input cannot be read: ${why}\n$`));
    }
    expect(await runLine(['show', 's'], { connect })).toMatchObject({ code: exitCodes.notFound });
  });

  it('that is a terminal gives what is typed, but no export', async () => {
    const terminal = () => Object.assign(Readable.from([Buffer.from('typed')]), { isTTY: true });
    const pushed = await runLine(readers[0]!, { connect, stdin: terminal() });
    expect(pushed).toMatchObject({ code: exitCodes.done, stderr: expect.stringMatching(/Ctrl-D/) });
    for (const argv of [readers[1]!, readers[2]!]) {
      const ran = await runLine(argv, { connect: () => expect.unreachable(), stdin: terminal() });
      expect(ran).toMatchObject({ code: exitCodes.usage, stderr: expect.stringMatching(/name a file/) });
    }
  });
});

/** Fails after it has taken what it is given, as files do whose disk is full, and pipes. */
function late(code: string): Writable {
  const error = Object.assign(new Error(`${code}: write`), { code, syscall: 'write' });
  return new Writable({ write: (_chunk, _encoding, done) => void setImmediate(done, error) });
}

it.each([['--help'], ['--version'], ['session', '--help'], ['completion', 'bash']])(
  'results that are lost with the last write are told: %s',
  async (...argv) => {
    const full = await runLine(argv, { connect, stdout: late('ENOSPC') });
    expect(full).toMatchObject({
      code: exitCodes.failed,
      stderr: 'artifacta: standard output cannot be written: the disk is full\n',
    });
    expect(await runLine(argv, { connect, stdout: late('EPIPE') })).toMatchObject({
      code: exitCodes.done,
      stderr: '',
    });
  },
);
