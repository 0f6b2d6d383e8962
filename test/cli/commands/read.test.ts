import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/program.ts';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import type { Store } from '../../../src/store/open.ts';
import { Collected, commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let client: ArtifactaClient;
let cli: ReturnType<typeof commandLine>;

beforeEach(async () => {
  store = await openTestStore();
  client = await connect(transportTo(store));
  cli = commandLine(transportTo(store));
});

afterEach(() => store[Symbol.asyncDispose]());

describe('ls', () => {
  it('lists sessions', async () => {
    expect(await cli(['ls'])).toMatchObject({
      code: 0,
      text: '',
      stderr: 'artifacta: no sessions exist\n',
    });
    await client.push('x'.repeat(2048), { session: 'run_1', name: 'a' });
    await client.push('y', { session: 'run_2', name: 'b' });
    await client.sessions.seal('run_1', 'failed');
    const lines = (await cli(['ls'])).text.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['SESSION', 'STATE'],
      ['run_2', 'open'],
      ['run_1', 'failed'],
    ]);
    expect(lines[2]).toContain('2.0 KiB');
    expect((await cli(['session', 'ls', '--json', '--limit', '1'])).json).toMatchObject([
      { id: 'run_2', state: 'open', outcome: null, artifact_count: 1, manifest: null },
    ]);
    expect((await cli(['ls', '--quiet'])).text).toBe('run_2\nrun_1\n');
  });

  it('lists artifacts, older versions too if asked', async () => {
    for (const content of ['1', '2', '3']) await client.push(content, { session: 'run', name: 'n' });
    await client.push('x', { session: 'run', name: 'm' });
    const versions = async (...flags: string[]) =>
      (await cli(['ls', 'run', '--json', ...flags])).json.map(({ name, version }) => `${name}${version}`);
    expect(await versions()).toEqual(['m1', 'n3']);
    expect((await versions('--all-versions')).sort()).toEqual(['m1', 'n1', 'n2', 'n3']);
    expect(await versions('--limit', '1')).toEqual(['m1']);
    const table = (await cli(['ls', 'run'])).text.trimEnd().split('\n');
    expect(table[0]).toMatch(/^ID +VERSION +SIZE +TYPE +CREATED +NAME$/);
    expect(table).toHaveLength(3);
  });

  it('goes on past the first page', async () => {
    for (let at = 0; at < 520; at++) await client.push(`${at}`, { session: 'run', name: `n${at}` });
    const { json } = await cli(['ls', 'run', '--json']);
    expect(new Set(json.map(({ id }) => id)).size).toBe(520);
  });

  it.each([
    [['ls', 'nobody'], 3, /SESSION_NOT_FOUND/],
    [['ls', '--all-versions'], 2, /session/],
    [['ls', '--limit', '0'], 2, /--limit/],
  ])('%j', async (argv, code, message) => {
    expect(await cli(argv)).toMatchObject({ code, stderr: expect.stringMatching(message), text: '' });
  });
});

describe('cat', () => {
  it('writes bytes as they are, whole or in part, of any version', async () => {
    const bytes = randomBytes(2_500_000);
    const { artifact } = await client.push(bytes, { session: 'run', name: 'a/b' });
    await client.push('two', { session: 'run', name: 'a/b' });
    expect(Buffer.compare((await cli(['cat', artifact.id])).stdout, bytes)).toBe(0);
    expect((await cli(['cat', 'run/a/b'])).text).toBe('two');
    const part = await cli(['cat', 'run/a/b', '--version', '1', '--offset', '2400000', '--limit', '9']);
    expect(Buffer.compare(part.stdout, bytes.subarray(2_400_000, 2_400_009))).toBe(0);
    expect(part.stderr).toBe('');
  });

  it.each([
    [['cat', 'run/missing'], 3, /ARTIFACT_NOT_FOUND/],
    [['cat', 'run/a', '--version', '9'], 3, /ARTIFACT_NOT_FOUND/],
    [['cat', 'art_01h455vb4pex5vsknk084sn02q'], 3, /ARTIFACT_NOT_FOUND/],
    [['cat', 'run/a', '--offset', '99'], 2, /offset/],
    [['cat', 'run'], 2, /SESSION\/NAME/],
    [['cat', 'run/a', '--json'], 2, /show --json/],
    [['cat', 'run/a', '--version', '0'], 2, /--version/],
    [['cat'], 2, /ref/],
  ])('%j', async (argv, code, message) => {
    await client.push('x', { session: 'run', name: 'a' });
    expect(await cli(argv)).toMatchObject({ code, stderr: expect.stringMatching(message), text: '' });
  });
});

describe('show and session', () => {
  it('tell everything, to people and to scripts', async () => {
    const opened = await cli([
      'session',
      'open',
      'run',
      '--meta',
      'agent=a',
      'b=c',
      '--label',
      'l=1',
      '--expect',
      'x',
      'y',
    ]);
    expect(opened.code).toBe(0);
    const { artifact } = await client.push('text', { session: 'run', name: 'x', metadata: { own: '1' } });
    const shown = (await cli(['show', 'run/x'])).text;
    for (const words of [artifact.id, 'agent=a (from the session)', 'own=1', '1 (the latest)', 'never'])
      expect(shown).toContain(words);
    expect((await cli(['show', artifact.id, '--json'])).json[0]).toMatchObject({
      id: artifact.id,
      metadata: { agent: 'a', b: 'c', own: '1' },
      inherited_metadata_keys: ['agent', 'b'],
    });
    const sealed = await cli(['session', 'seal', 'run', '--outcome', 'failed', '--json']);
    expect(JSON.parse(sealed.stderr)).toEqual({ remark: { message: 'expected outputs are missing: y' } });
    expect(sealed.json[0]).toMatchObject({
      id: 'run',
      state: 'sealed',
      outcome: 'failed',
      metadata: { agent: 'a', b: 'c' },
      labels: { l: '1' },
      expected_outputs: ['x', 'y'],
      missing_outputs: ['y'],
      manifest: { line_count: 1 },
    });
    expect((await cli(['show', 'run', '--json'])).json).toEqual(
      (await cli(['session', 'show', 'run', '--json'])).json,
    );
    expect((await cli(['session', 'show', 'run'])).text).toContain('sealed, failed');
    expect((await cli(['session', 'seal', 'run', '--outcome', 'failed'])).stderr).toContain('sealed already');
    const other = await cli(['session', 'seal', 'run']);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/OUTCOME_CONFLICT/) });
  });

  it('do not let what was stored steer the terminal', async () => {
    await client.push('x', { session: 'run', name: 'x', metadata: { evil: '\u001b]0;owned\u0007' } });
    const { text } = await cli(['show', 'run/x']);
    expect(text).toContain('evil=\\u001b]0;owned\\u0007');
    expect(text).not.toContain('\u001b');
  });

  it.each([
    [['show', 'nobody'], 3, /SESSION_NOT_FOUND/],
    [['show', 'nobody', '--version', '1'], 2, /--version/],
    [['session', 'seal', 'nobody'], 3, /SESSION_NOT_FOUND/],
    [['session', 'seal', 'x', '--outcome', 'great'], 2, /succeeded, failed, cancelled, abandoned/],
    [['session', 'frob'], 2, /unknown command/],
    [['nonsense'], 2, /unknown command/],
    [[], 2, /Usage: artifacta/],
  ])('%j', async (argv, code, message) => {
    expect(await cli(argv)).toMatchObject({ code, stderr: expect.stringMatching(message), text: '' });
  });
});

describe('the flags of every command', () => {
  it('stand before or after its name, and reach the connection', async () => {
    await client.push('x', { session: 'run', name: 'a' });
    const wanted = ['--url', 'grpc://h:1', '--data-dir', '/d', '--namespace', 'default'];
    for (const argv of [
      [...wanted, '--json', 'ls'],
      ['ls', ...wanted, '--json'],
      ['session', 'ls', ...wanted, '--json'],
    ]) {
      const ran = await cli(argv);
      expect(ran.json).toMatchObject([{ id: 'run' }]);
      expect(ran.connects).toEqual([{ url: 'grpc://h:1', dataDir: '/d', namespace: 'default' }]);
    }
    expect((await cli(['--url', 'grpc://a', 'ls', '--url', 'grpc://b'])).connects[0]!.url).toBe('grpc://b');
  });

  it('name the namespace to the service', async () => {
    const ran = await cli(['ls', '--namespace', 'elsewhere']);
    expect(ran).toMatchObject({ code: 3, stderr: expect.stringMatching(/NAMESPACE_NOT_FOUND/) });
  });

  it('--help and --version need no service', async () => {
    for (const argv of [['--help'], ['push', '--help'], ['session', 'seal', '--help'], ['help', 'cat']]) {
      const ran = await cli(argv);
      expect(ran).toMatchObject({ code: 0, stderr: '', connects: [] });
      expect(ran.text).toMatch(/^Usage: artifacta/);
    }
    expect((await cli(['--version'], { io: { version: '1.2.3' } })).text).toBe('1.2.3\n');
  });
});

describe('a reader who leaves', () => {
  /** Takes so many bytes and then breaks, as a pipe does. */
  class Head extends Writable {
    taken = 0;
    private readonly bytesMax: number;

    constructor(bytesMax: number) {
      super();
      this.bytesMax = bytesMax;
    }

    override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
      this.taken += chunk.byteLength;
      if (this.taken <= this.bytesMax) done();
      else done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    }
  }

  it.each([
    [['ls', 'run', '--json'], 1_000],
    [['ls', 'run'], 1_000],
    [['cat', 'run/large'], 100_000],
    [['--help'], 0],
  ])('ends %j in silence', async (argv, bytesMax) => {
    await client.push(randomBytes(8_000_000), { session: 'run', name: 'large' });
    for (let at = 0; at < 50; at++) await client.push(`${at}`, { session: 'run', name: `n${at}` });
    const stdout = new Head(bytesMax);
    const ran = await cli(argv, { io: { stdout } });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(stdout.taken).toBeGreaterThan(bytesMax);
    expect(stdout.taken).toBeLessThan(bytesMax + 3_000_000);
  });

  it('does not end a push', async () => {
    const stdout = new Head(0);
    const argv = [
      'push',
      import.meta.filename,
      'package.json',
      'tsconfig.json',
      '--session',
      'pushed',
      '--json',
    ];
    expect((await cli(argv, { io: { stdout } })).code).toBe(0);
    expect((await client.sessions.get('pushed')).artifactCount).toBe(3);
  });

  it('is told of when it is the disk that is full', async () => {
    class Full extends Writable {
      override _write(_chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
        done(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
      }
    }
    await client.push(randomBytes(3_000_000), { session: 'run', name: 'a' });
    const ran = await cli(['cat', 'run/a'], { io: { stdout: new Full() } });
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/no space left/) });
  });
});

describe('the connection', () => {
  it('that cannot be made is told of', async () => {
    const stderr = new Collected();
    const io = { stdin: process.stdin, stdout: new Collected(), stderr };
    const code = await run(['ls'], {
      ...io,
      connect: async () => {
        throw new Error('the directory is locked');
      },
    });
    expect(code).toBe(1);
    expect(stderr.bytes.toString()).toBe('artifacta: the directory is locked\n');
  });

  it('is made anew when the process that had the store open has left, and closed in the end', async () => {
    const { ConnectError, Code } = await import('@connectrpc/connect');
    const transport = transportTo(store);
    const gone = async () => {
      throw new ConnectError('connect ECONNREFUSED', Code.Unavailable);
    };
    const ways = [{ unary: gone, stream: gone }, transport];
    const closed: number[] = [];
    let made = 0;
    const connect = async () => {
      const at = made++;
      return { transport: ways[at]!, description: `way ${at}`, close: async () => void closed.push(at) };
    };
    const argv = ['push', 'package.json', 'tsconfig.json', '--session', 'run', '--json'];
    const ran = await cli(argv, { io: { connect } });
    expect(ran.code).toBe(0);
    expect(ran.json.map(({ name, version }) => [name, version])).toEqual([
      ['package.json', 1],
      ['tsconfig.json', 1],
    ]);
    expect(made).toBe(2);
    expect(closed.sort()).toEqual([0, 1]);
  });

  it('is left when the command is interrupted', async () => {
    const stop = new AbortController();
    const { PassThrough } = await import('node:stream');
    const stdin = new PassThrough();
    stdin.write('something');
    const ran = cli(['push', '-', '--session', 'run', '--name', 'x'], { stdin, io: { signal: stop.signal } });
    setImmediate(() => stop.abort());
    expect((await ran).code).toBe(130);
    await expect(client.sessions.get('run')).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
  });
});
