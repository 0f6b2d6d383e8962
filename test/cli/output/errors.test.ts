/** With --json all that is on standard error is an object on one line, too: whatever fails, and wherever. */
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/exit.ts';
import { ArtifactaError } from '../../../src/client/errors.ts';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let cli: ReturnType<typeof commandLine>;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-errors-'));
  store = await openTestStore();
  cli = commandLine(transportTo(store));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface Told {
  readonly error: {
    readonly code: string;
    readonly reason: string | null;
    readonly message: string;
    readonly fields: readonly { readonly field: string; readonly description: string }[];
    readonly subject: string | null;
    readonly advice: string | null;
  };
}

function told(stderr: string): Told[] {
  expect(stderr.endsWith('\n')).toBe(true);
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
}

const commands = [
  ...['push', 'pull', 'ls', 'query', 'cat', 'show', 'diff', 'lineage', 'watch', 'rm', 'update', 'usage'],
  ...['fsck', 'scrub', 'export', 'import', 'share', 'keys', 'namespace', 'policy', 'config', 'completion'],
  'version',
  'whoami',
  ...['session open', 'session seal', 'session rm', 'share ls', 'keys create', 'policy apply', 'config set'],
];

describe('with --json', () => {
  it.each(commands)(
    '%s: a command line that is wrong is told as an object, without help texts',
    async (name) => {
      for (const argv of [
        [...name.split(' '), '--json', '--no-such-flag'],
        ['--json', ...name.split(' '), '--no-such-flag'],
      ]) {
        const { code, stderr, text, connects } = await cli(argv);
        expect({ code, text, connects }).toEqual({ code: 2, text: '', connects: [] });
        expect(told(stderr)).toEqual([
          {
            error: {
              code: 'INVALID_ARGUMENT',
              reason: null,
              message: expect.stringMatching(/^unknown (option|command)/),
              fields: [],
              metadata: {},
              subject: null,
              advice: null,
            },
          },
        ]);
      }
    },
  );

  it.each<[string[], RegExp]>([
    [['--json'], /^name a command/],
    [['session', '--json'], /^name a command/],
    [['nosuch', '--json'], /^unknown command 'nosuch'/],
    [['cat', '--json'], /^missing required argument 'ref'/],
    [['push', 'f', '--links', 'all', '--json'], /skip, follow/],
    [['push', 'f', '--ttl', 'soon', '--json'], /^--ttl takes/],
  ])('%j', async (argv, message) => {
    const { code, stderr } = await cli(argv);
    expect(code).toBe(2);
    expect(told(stderr)).toMatchObject([
      { error: { code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) } },
    ]);
  });

  it('what the service refuses has its code, its reason, its fields and what to do', async () => {
    expect(told((await cli(['show', 'run/nosuch', '--json'])).stderr)).toMatchObject([
      {
        error: {
          code: 'NOT_FOUND',
          reason: 'SESSION_NOT_FOUND',
          metadata: { session: 'run' },
          advice: expect.stringMatching(/artifacta ls/),
        },
      },
    ]);
    await writeFile(join(directory, 'a'), 'a');
    const { code, stderr } = await cli(['push', join(directory, 'a'), '--session', 'a b', '--json']);
    expect(code).toBe(2);
    expect(told(stderr)).toMatchObject([
      {
        error: {
          code: 'INVALID_ARGUMENT',
          reason: 'INVALID_ARGUMENT',
          fields: [{ field: expect.stringMatching(/spec\.session/), description: expect.any(String) }],
          subject: join(directory, 'a'),
        },
      },
    ]);
  });

  it('of several things each failure is an object that names what it is about', async () => {
    await writeFile(join(directory, 'a'), 'a');
    await symlink('.', join(directory, 'self'));
    await symlink('nowhere', join(directory, 'dangling'));
    const { code, stderr, json } = await cli([
      ...['push', directory, join(directory, 'gone'), '--session', 'run', '--json'],
    ]);
    expect(code).toBe(1);
    expect(json.map(({ name }) => name)).toEqual(['a']);
    expect(told(stderr)).toEqual([
      { skipped: expect.objectContaining({ path: join(directory, 'dangling'), reason: 'link_broken' }) },
      { error: expect.objectContaining({ code: 'UNKNOWN', subject: join(directory, 'self') }) },
      {
        error: expect.objectContaining({
          code: 'NOT_FOUND',
          message: 'it does not exist',
          subject: join(directory, 'gone'),
        }),
      },
      { left_out: { count: 1, reasons: { link_broken: 1 } } },
    ]);
  });

  it('warnings of the connection are objects, and each comes once', async () => {
    const connect = async (_options: object, warn: (message: string) => void) => {
      for (const message of ['one', 'two', 'one']) warn(message);
      throw new ArtifactaError('no connection', { code: 'UNAVAILABLE' });
    };
    const { code, stderr } = await cli(['ls', '--json'], { io: { connect } });
    expect(code).toBe(4);
    expect(told(stderr)).toMatchObject([
      { warning: { message: 'one' } },
      { warning: { message: 'two' } },
      { error: { code: 'UNAVAILABLE', reason: null, advice: expect.stringMatching(/--url/) } },
    ]);
    const plain = await cli(['ls', '--quiet'], { io: { connect } });
    expect(plain.stderr).toMatch(/^artifacta: one\nartifacta: two\nartifacta: no connection\n/);
  });

  it.each([
    [new UsageError('url: must'), 'INVALID_ARGUMENT'],
    [new Error('locked'), 'UNKNOWN'],
    [Object.assign(new Error('EACCES'), { code: 'EACCES', syscall: 'open' }), 'PERMISSION_DENIED'],
    [new Error('outer', { cause: Object.assign(new Error('x'), { code: 'ENOSPC' }) }), 'RESOURCE_EXHAUSTED'],
  ])('what happens on this machine has a code as well: %s', async (error, code) => {
    const connect = async () => {
      throw error;
    };
    expect(told((await cli(['ls', '--json'], { io: { connect } })).stderr)).toMatchObject([
      { error: { code } },
    ]);
  });

  it('is what comes before --; behind it is something else', async () => {
    const { stderr } = await cli(['push', '--nosuch', '--', '--json']);
    expect(stderr).toMatch(/^artifacta: unknown option '--nosuch'\n/);
  });
});
