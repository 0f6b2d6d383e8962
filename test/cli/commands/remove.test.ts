/** Deleting, and what a sealed session still says of what is gone. */
import { randomBytes } from 'node:crypto';
import type { Transport } from '@connectrpc/connect';
import { Code, ConnectError } from '@connectrpc/connect';
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

async function push(name: string, content = name): Promise<string> {
  return (await client.push(content, { session: 'run', name })).artifact.id;
}

const listed = async (...flags: string[]) =>
  (await cli(['ls', 'run', '--json', ...flags])).json.map(({ name, version }) => `${name}@${version}`).sort();

describe('rm', () => {
  it('deletes by id and by name, and says what', async () => {
    const [a, b] = [await push('a'), await push('b/c')];
    const { code, text, stderr } = await cli(['rm', a, 'run/b/c']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(text).toBe(`${a}  v1          1 B  deleted  run/a\n${b}  v1          3 B  deleted  run/b/c\n`);
    expect(await listed()).toEqual([]);
  });

  it('deletes the latest version, and only that, unless told which', async () => {
    const [one, two, three] = [await push('a', '1'), await push('a', '2'), await push('a', '3')];
    expect((await cli(['rm', 'run/a', '--version', '2', '--json'])).json).toEqual([
      { id: two, ref: 'run/a', deleted: true },
    ]);
    expect((await cli(['rm', 'run/a', '--quiet'])).text).toBe(`${three}\n`);
    expect(await listed('--all-versions')).toEqual(['a@1']);
    expect((await client.get(one)).version).toBe(1);
  });

  it('succeeds and says so where there is nothing', async () => {
    const id = await push('a');
    await cli(['rm', id]);
    const refs = [id, 'run/a', 'run/never', 'nobody/x'];
    const ran = await cli(['rm', ...refs]);
    expect(ran).toMatchObject({ code: 0, text: '' });
    expect(ran.stderr).toBe(
      refs.map((ref) => `artifacta: ${ref} did not exist; nothing was deleted\n`).join(''),
    );
    const { code, json } = await cli(['rm', ...refs, '--json']);
    expect(code).toBe(0);
    expect(json).toEqual(refs.map((ref) => ({ ref, deleted: false })));
  });

  it('goes on after what it may not delete', async () => {
    const held = await push('held');
    await push('free');
    await client.update(held, { hold: true });
    const ran = await cli(['rm', 'run/held', 'run/free', '--json']);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stderr)).toMatchObject({ error: { reason: 'ARTIFACT_HELD', subject: 'run/held' } });
    expect(ran.json).toMatchObject([{ ref: 'run/free', deleted: true }]);
    expect(await listed()).toEqual(['held@1']);
  });

  it('deletes only what has the etag', async () => {
    const { artifact } = await client.push('x', { session: 'run', name: 'a' });
    await client.update(artifact.id, { labels: { changed: 'yes' } });
    const stale = await cli(['rm', 'run/a', '--etag', artifact.etag]);
    expect(stale).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ETAG_MISMATCH[\s\S]*show --json/),
    });
    const { etag } = await client.get(artifact.id);
    expect(await cli(['rm', 'run/a', '--etag', etag])).toMatchObject({ code: 0 });
    expect(await listed()).toEqual([]);
  });

  it('deletes what it looked at, even if a newer version comes in between', async () => {
    const one = await push('a', '1');
    const racing: Transport = {
      async unary(...call) {
        const answer = await transport.unary(...call);
        if (call[0].name === 'GetArtifact') await push('a', '2');
        return answer;
      },
      stream: transport.stream,
    };
    const ran = await commandLine(racing)(['rm', 'run/a', '--json']);
    expect(ran.json).toEqual([{ id: one, ref: 'run/a', deleted: true }]);
    expect(await listed()).toEqual(['a@2']);
  });

  it('stops at what concerns all', async () => {
    let calls = 0;
    const gone = async () => {
      calls++;
      throw new ConnectError('no valid token', Code.Unauthenticated);
    };
    const ran = await commandLine({ unary: gone, stream: gone })(['rm', 'run/a', 'run/b', 'run/c']);
    expect(ran.code).toBe(5);
    expect(calls).toBe(1);
    expect(ran.stderr).toMatch(/run\/a[\s\S]*not tried/);
  });

  it.each([
    [['rm'], /ref/],
    [['rm', 'run'], /SESSION\/NAME/],
    [['rm', 'run/a', 'run'], /SESSION\/NAME/],
    [['rm', 'run/a', 'run/b', '--version', '1'], /--version/],
    [['rm', 'run/a', 'run/b', '--etag', 'x'], /--etag/],
    [['rm', 'run/a', '--version', '0'], /--version/],
  ])('%j is a mistake, and nothing is deleted', async (argv, message) => {
    await push('a');
    const ran = await cli(argv);
    expect(ran).toMatchObject({ code: 2, text: '', connects: [] });
    expect(ran.stderr).toMatch(message);
    expect(await listed()).toEqual(['a@1']);
  });
});

describe('ls --gone', () => {
  it('shows what a sealed session listed and has lost', async () => {
    await push('kept');
    await push('lost', 'bytes');
    await push('lost', 'more bytes');
    await client.sessions.seal('run', 'succeeded');
    await cli(['rm', 'run/lost', 'run/lost']);
    const { json } = await cli(['ls', 'run', '--gone', '--json']);
    expect(json[0]).toMatchObject({ name: 'kept', id: expect.any(String) });
    expect(json.slice(1)).toEqual([
      {
        session: 'run',
        name: 'lost',
        version: 2,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        size_bytes: 10,
        content_type: 'application/octet-stream',
        gone: true,
      },
    ]);
    const lines = (await cli(['ls', 'run', '--gone'])).text.trimEnd().split('\n');
    expect(lines[2]).toMatch(/^gone +2 +10 B +application\/octet-stream +- +lost$/);
    expect((await cli(['ls', 'run', '--gone', '--quiet'])).text).toBe(`${json[0]!.id}\n`);
    expect((await cli(['ls', 'run'])).text).not.toContain('gone');
  });

  it('goes on page by page, up to its limit', async () => {
    for (let at = 0; at < 7; at++) await push(`n${at}`, randomBytes(8).toString('hex'));
    await client.sessions.seal('run', 'failed');
    for (const at of [1, 3, 5]) await cli(['rm', `run/n${at}`]);
    const all = await Array.fromAsync(client.listWithGone('run', { pageSize: 2, order: 'oldest' }));
    expect(all.map((one) => `${one.name}${'gone' in one ? '-' : ''}`)).toEqual([
      'n0',
      'n2',
      'n4',
      'n6',
      'n1-',
      'n3-',
      'n5-',
    ]);
    expect((await cli(['ls', 'run', '--gone', '--json', '--limit', '5'])).json).toHaveLength(5);
  });

  it('needs a sealed session', async () => {
    await push('a');
    const open = await cli(['ls', 'run', '--gone']);
    expect(open).toMatchObject({ code: 3, stderr: expect.stringMatching(/MANIFEST_NOT_FOUND[\s\S]*--gone/) });
    expect(await cli(['ls', '--gone'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/session/) });
  });
});
