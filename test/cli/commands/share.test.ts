/** Sharing on the command line, against a service with an HTTP listener and without. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../../src/client/client.ts';
import { openHttpRig } from '../../server/http/listeners.ts';
import { newDirectory } from '../../support/command.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

/** Served over HTTP, and reached as the test says. */
async function served(description: (url: string) => string) {
  const rig = await openHttpRig();
  onTestFinished(() => rig[Symbol.asyncDispose]());
  const connection = {
    transport: rig.transport,
    description: description(rig.url),
    close: async () => {},
  };
  const cli = commandLine(rig.transport);
  return {
    rig,
    client: await connect(rig.transport),
    cli: (argv: readonly string[]) => cli(argv, { io: { connect: async () => connection } }),
  };
}

describe('share', () => {
  it('prints one URL, at which the artifact is', async () => {
    const { cli, client } = await served((url) => url);
    await client.push('hello', { session: 's', name: 'a.txt' });
    const { code, text, stderr } = await cli(['share', 's/a.txt', '--ttl', '1h']);
    expect(code).toBe(0);
    expect(text).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/s\/[A-Za-z0-9_-]{43}\n$/);
    expect(stderr).toContain('perhaps others cannot reach');
    expect(await (await fetch(text.trim())).text()).toBe('hello');
  });

  it('pushes a file of this machine first', async () => {
    const { cli } = await served((url) => url);
    const path = join(await newDirectory(), 'report.md');
    await writeFile(path, '# Report\n');
    const { code, text, stderr } = await cli(['share', path, '--session', 'reports']);
    expect([code, stderr.includes('pushed report.md to the session reports')]).toEqual([0, true]);
    expect(await (await fetch(text.trim())).text()).toBe('# Report\n');
    const missing = join(await newDirectory(), 'none');
    for (const what of [missing, 's1']) {
      const refused = await cli(['share', what]);
      expect([refused.code, refused.text]).toEqual([2, '']);
      expect(refused.stderr).toContain(`the file ${what} does not exist; an artifact is SESSION/NAME`);
    }
  });

  it('prints the path where the service names no address', async () => {
    for (const description of ['unix:/somewhere', 'grpc://127.0.0.1:50051']) {
      const { cli, client } = await served(() => description);
      await client.push('x', { session: 's', name: 'a' });
      const { text, stderr } = await cli(['share', 's/a']);
      expect(text).toMatch(/^\/s\/[A-Za-z0-9_-]{43}\n$/);
      expect(stderr).toContain('--public-url');
    }
  });

  it('draws a QR code beside it', async () => {
    const { cli, client } = await served((url) => url);
    await client.push('x', { session: 's', name: 'a' });
    const { text, stderr } = await cli(['share', 's/a', '--qr']);
    expect(text.split('\n')).toHaveLength(2);
    expect(stderr).toMatch(/[█▀▄]{10}/);
  });

  it('lists and revokes', async () => {
    const { cli, client } = await served((url) => url);
    await client.push('x', { session: 's', name: 'a' });
    const made = (await cli(['share', 's/a', '--json'])).json[0]!;
    expect(made).toMatchObject({ session: 's', name: 'a', version: 1, revoke_time: null });
    for (const what of [[], ['s'], ['s/a']])
      expect((await cli(['share', 'ls', ...what, '--quiet'])).text).toBe(`${made.id}\n`);
    expect((await cli(['share', 'revoke', String(made.id)])).text).toBe('1 link revoked\n');
    expect((await cli(['share', 'revoke', 's'])).text).toBe('0 links revoked\n');
    expect((await cli(['share', 'ls'])).text).not.toContain('lnk_');
    expect((await cli(['share', 'ls', '--all'])).text).toContain('revoked');
    expect((await fetch(String(made.url))).status).toBe(404);
    expect((await cli(['share', 'revoke', `lnk_${'x'.repeat(43)}`])).code).not.toBe(0);
  });

  it('is refused by a store that nobody serves', async () => {
    const store = await openTestStore();
    onTestFinished(() => store[Symbol.asyncDispose]());
    const transport = transportTo(store);
    const connection = { transport, description: '/data', isEmbedded: true, close: async () => {} };
    const cli = commandLine(transport);
    const options = { io: { connect: async () => connection } };
    await cli(['push', '-', '--session', 's', '--name', 'a'], { stdin: 'x' });
    const { code, stderr } = await cli(['share', 's/a'], options);
    expect(code).not.toBe(0);
    expect(stderr).toContain('PUBLIC_URL_REQUIRED');
    expect(stderr).toContain('artifacta serve');
  });

  it.each([
    [['share', 's/a', '--ttl', '0s'], '--ttl takes'],
    [['share', 's/a', '--session', 't'], '--session is only for a file'],
    [['share', 'file', '--version', '2'], '--version needs SESSION/NAME'],
  ])('refuses %j', async (args, message) => {
    const { cli } = await served(() => 'unix:/somewhere');
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
