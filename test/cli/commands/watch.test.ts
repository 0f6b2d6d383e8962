import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let client: ArtifactaClient;
let cli: ReturnType<typeof commandLine>;

beforeEach(async () => {
  store = await openTestStore();
  client = await connect(transportTo(store));
  cli = commandLine(transportTo(store));
});
afterEach(() => store[Symbol.asyncDispose]());

describe('watch', () => {
  it('prints a line for each event, until the seal', async () => {
    await client.push('x', { session: 'run', name: 'a' });
    const watching = cli(['watch', 'run']);
    await client.push('y', { session: 'run', name: 'b' });
    await client.delete({ session: 'run', name: 'b' });
    await client.sessions.seal('run', 'failed');
    const { code, text } = await watching;
    expect(code).toBe(0);
    const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ';
    expect(text.split('\n')).toEqual([
      expect.stringMatching(`^     1  ${time}  committed  a  v1  1 B$`),
      expect.stringMatching(`^     2  (${time}|-) +(committed  b  v1  1 B|deleted    art_.*)$`),
      expect.stringMatching(`^     3  ${time}  deleted    art_.*$`),
      expect.stringMatching(`^     4  ${time}  sealed     failed$`),
      '',
    ]);
  });

  it('prints documents for scripts, from any number on', async () => {
    for (const name of ['a', 'b']) await client.push(name, { session: 'run', name });
    await client.sessions.seal('run', 'succeeded');
    expect((await cli(['watch', 'run', '--after', '1', '--json'])).json).toMatchObject([
      { sequence: 2, event: 'committed', artifact: { name: 'b' } },
      { sequence: 3, event: 'sealed', session: { outcome: 'succeeded' } },
    ]);
  });

  it.each([
    [['watch', 'none'], 3, /SESSION_NOT_FOUND/],
    [['watch', 'run', '--after', '-1'], 2, /--after/],
    [['watch', 'run', '--after', '9'], 2, /after_sequence/],
  ])('%j is refused', async (argv, code, why) => {
    await client.push('x', { session: 'run', name: 'a' });
    const ran = await cli(argv);
    expect(ran).toMatchObject({ code, text: '' });
    expect(ran.stderr).toMatch(why);
  });
});

describe('session wait', () => {
  it('ends when the session does, with a code that says how', async () => {
    const [good, bad] = [
      cli(['session', 'wait', 'good', '--wait-for-open']),
      cli(['session', 'wait', 'bad', '--wait-for-open', '--json']),
    ];
    for (const session of ['good', 'bad']) await client.push('x', { session, name: 'a' });
    await client.sessions.seal('good', 'succeeded');
    await client.sessions.seal('bad', 'failed');
    expect(await good).toMatchObject({ code: 0, text: expect.stringContaining('sealed, succeeded') });
    expect(await bad).toMatchObject({ code: 7, json: [{ id: 'bad', outcome: 'failed' }] });
  });

  it('gives up in time', async () => {
    await client.push('x', { session: 'run', name: 'a' });
    const ran = await cli(['session', 'wait', 'run', '--timeout', '0.01s']);
    expect(ran).toMatchObject({ code: 4, text: '' });
    expect(ran.stderr).toContain('session run was not sealed in time');
    expect((await cli(['session', 'wait', 'run', '--timeout', 'soon'])).code).toBe(2);
  });
});

describe('session amend', () => {
  it('says how an abandoned session really ended', async () => {
    await client.push('x', { session: 'run', name: 'a' });
    await client.sessions.seal('run', 'abandoned');
    const ran = await cli(['session', 'amend', 'run', '--outcome', 'failed']);
    expect(ran).toMatchObject({ code: 0, text: expect.stringContaining('sealed, failed') });
    expect(await cli(['session', 'amend', 'run', '--outcome', 'succeeded'])).toMatchObject({
      code: 1,
      text: '',
      stderr: expect.stringContaining(
        'was amended to the outcome failed; only an abandoned session can be amended, and only once',
      ),
    });
    expect((await cli(['session', 'amend', 'run', '--outcome', 'abandoned'])).code).toBe(2);
    expect((await cli(['session', 'amend', 'run'])).code).toBe(2);
  });
});
