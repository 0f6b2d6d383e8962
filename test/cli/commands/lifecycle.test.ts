/** How long things are kept, on the command line: policies, retention, leases, holds, and deleting sessions. */
import type { Transport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let transport: Transport;
let client: ArtifactaClient;
let cli: ReturnType<typeof commandLine>;

beforeEach(async () => {
  store = await openTestStore();
  transport = transportTo(store);
  client = await connect(transport);
  cli = commandLine(transport);
});

afterEach(() => store[Symbol.asyncDispose]());

const dayMs = 86_400_000;
const policy = ['--retain', 'failed=14d', 'succeeded=30d', '--keep-last', '3', '--by', 'pipeline'];
const asJson = {
  succeeded_ttl_seconds: 30 * 86_400,
  failed_ttl_seconds: 14 * 86_400,
  cancelled_ttl_seconds: null,
  abandoned_ttl_seconds: null,
  keep_last: { count: 3, metadata_key: 'pipeline', outcomes: ['succeeded'] },
};

describe('policy', () => {
  it('is set and read', async () => {
    expect((await cli(['policy', 'get', '--json'])).json).toEqual([
      { namespace: 'default', retention: null, update_time: null, etag: '"0"' },
    ]);
    const set = await cli(['policy', 'set', ...policy, '--json']);
    expect([set.code, set.json[0]!.retention]).toEqual([0, asJson]);
    const { text } = await cli(['policy', 'get']);
    expect(text).toContain(
      'succeeded 30d, failed 14d; the last 3 sessions with the outcome succeeded, for each value of pipeline',
    );
    const tried = await cli(['policy', 'set', '--forever', '--dry-run']);
    expect([tried.code, tried.stderr]).toEqual([0, 'artifacta: nothing was changed\n']);
    expect((await cli(['policy', 'set', '--forever', '--etag', '"9"'])).code).not.toBe(0);
    expect((await cli(['policy', 'get', '--json'])).json[0]!.retention).toEqual(asJson);
    expect((await cli(['policy', 'set', '--forever', '--json'])).json[0]!.retention).toBeNull();
  });

  it('is applied to earlier sessions when that is confirmed', async () => {
    for (const id of ['a', 'b']) {
      await client.push('xyz', { session: id, name: 'n' });
      await client.sessions.seal(id, id === 'a' ? 'failed' : 'succeeded');
    }
    const wanted = ['policy', 'apply', '--retain', 'all=1d', '--filter', 'session.outcome = FAILED'];
    const tried = await cli([...wanted, '--json']);
    expect(JSON.parse(tried.stderr)).toEqual({
      remark: { message: '1 session would change; --yes applies the change' },
    });
    expect(tried.json).toMatchObject([
      { session: 'a', old_expire_time: null, artifact_count: 1, size_bytes: 3 },
    ]);
    expect((await client.sessions.get('a')).expireTime).toBeUndefined();
    expect((await cli([...wanted, '--yes', '--quiet'])).text).toBe('a\n');
    const { sealTime, expireTime } = await client.sessions.get('a');
    expect(expireTime!.getTime() - sealTime!.getTime()).toBe(dayMs);
    expect((await client.sessions.get('b')).expireTime).toBeUndefined();
    expect((await cli(wanted)).stderr).toMatch(/0 sessions would change/);
  });

  it.each([
    [['set'], 'say what to set'],
    [['set', '--forever', '--retain', 'all=1d'], '--forever cannot be given with --retain or --keep-last'],
    [['set', '--forever', '--keep-last', '2', '--by', 'k'], '--forever cannot be given with --retain or'],
    [['set', '--retain', 'sometimes=1d'], 'got "sometimes"'],
    [['set', '--retain', 'failed=1'], 'takes a number and a unit'],
    [['set', '--retain', 'failed=0d'], 'takes a number and a unit'],
    [['set', '--keep-last', '3'], 'needs --by'],
    [['set', '--by', 'x'], 'need --keep-last'],
    [['set', '--keep-last', 'x', '--by', 'y'], '--keep-last takes a whole number'],
    [['set', '--keep-last', '101', '--by', 'y'], '--keep-last takes a whole number from 1 to 100'],
    [['apply', '--forever', '--retain', 'all=1d'], '--forever cannot be given with --retain'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await cli(['policy', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('that the service refuses says which part of it', async () => {
    const { code, stderr } = await cli([
      'policy',
      'set',
      '--keep-last',
      '3',
      '--by',
      'p',
      '--retain',
      'failed=1d',
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      'retention.keep_last: has no effect on sessions with the outcome succeeded, which are kept forever already',
    );
  });
});

describe('session', () => {
  it('is opened with retention and a lease, which are changed and renewed', async () => {
    const opened = await cli(['session', 'open', 's', ...policy, '--lease', '10m', '--json']);
    expect(opened.json[0]).toMatchObject({ retention: asJson, lease: { duration_seconds: 600 } });
    const changed = await cli([
      'session',
      'update',
      's',
      '--retain',
      'all=2d',
      '--touch',
      '--label',
      'a=b',
      '--json',
    ]);
    expect(changed.json[0]).toMatchObject({ labels: { a: 'b' }, retention: { failed_ttl_seconds: 172_800 } });
    expect(
      (await cli(['session', 'update', 's', '--forever', '--no-labels', '--json'])).json[0],
    ).toMatchObject({
      labels: {},
      retention: { failed_ttl_seconds: null },
    });
    expect((await cli(['session', 'update', 's'])).code).toBe(2);
    expect((await cli(['session', 'show', 's'])).text).toMatch(/retention: +forever/);
  });

  it('shows when it expires, or that it is kept', async () => {
    await cli(['session', 'open', 's', ...policy, '--meta', 'pipeline=p']);
    const { text } = await cli(['session', 'seal', 's']);
    expect(text).toMatch(/expires: +not while it is one of the last sessions that --keep-last keeps/);
  });

  it('is deleted with all that is in it', async () => {
    await client.push('x', { session: 's', name: 'a' });
    const { etag } = await client.sessions.get('s');
    expect((await cli(['session', 'rm', 's', '--etag', '"77"'])).code).not.toBe(0);
    expect((await cli(['session', 'rm', 's', '--etag', etag])).text).toBe('deleted  s\n');
    const again = await cli(['session', 'rm', 's']);
    expect([again.code, again.stderr]).toEqual([0, 'artifacta: s did not exist; nothing was deleted\n']);
    const push = await cli(['push', '-', '--session', 's', '--name', 'a'], { stdin: 'y' });
    expect(push.stderr).toContain('SESSION_GONE');
  });
});

describe('update', () => {
  it('labels, gives a time, holds and lets go', async () => {
    await client.push('x', { session: 's', name: 'a' });
    const held = await cli(['update', 's/a', '--label', 'a=1', 'b=2', '--ttl', '3d', '--hold', '--json']);
    expect(held.json[0]).toMatchObject({ labels: { a: '1', b: '2' }, hold: true, expire_time: null });
    expect((await cli(['session', 'rm', 's'])).stderr).toContain('ARTIFACT_HELD');
    expect((await cli(['rm', 's/a'])).stderr).toContain('ARTIFACT_HELD');
    const free = await cli(['update', 's/a', '--no-hold', '--no-labels', '--json']);
    expect(free.json[0]).toMatchObject({ labels: {}, hold: false, expiry_source: 'artifact' });
    const never = await cli(['update', 's/a', '--ttl', 'never', '--json']);
    expect(never.json[0]).toMatchObject({ expire_time: null });
  });

  it.each([
    [['update', 's/a'], 'say what to change'],
    [['update', 's/a', '--no-labels', '--label', 'a=b'], '--no-labels cannot be given with --label'],
    [['update', 's/a', '--ttl', 'soon'], '--ttl takes a number and a unit'],
    [['update', 'a', '--hold'], 'an artifact is named by'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
