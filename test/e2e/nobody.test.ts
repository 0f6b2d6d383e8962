/** Users that no password database knows, as containers have them, with a HOME that is nobody's or somebody else's. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { artifactaAs, type OtherUser } from '../support/as-user.ts';
import { newDirectory } from '../support/command.ts';
import { startServe } from './serve-process.ts';

const isRoot = process.geteuid!() === 0;
if (!isRoot) console.warn('not root: other users are not tried');
const uid = 54_321;

async function place() {
  const directory = await newDirectory();
  const [dataDir, others, locked] = ['data', 'others', 'locked'].map((name) => join(directory, name));
  for (const path of [dataDir!, others!, locked!]) await mkdir(path);
  await chmod(directory, 0o755);
  await chown(dataDir!, uid, uid);
  await chmod(dataDir!, 0o700);
  // That of root, in which nothing can be looked at, and one in which nothing can be written.
  await chmod(others!, 0o700);
  await chmod(locked!, 0o755);
  const file = join(directory, 'f');
  await writeFile(file, 'f');
  const homes: readonly Record<string, string>[] = [
    {},
    { HOME: '' },
    { HOME: 'relative' },
    { HOME: '/nonexistent' },
    { HOME: '/dev/null' },
    { HOME: others! },
    { HOME: locked! },
    { HOME: `/${'x'.repeat(5_000)}` },
    { XDG_CONFIG_HOME: others! },
  ];
  const users = homes.map((env): OtherUser => ({ uid, gids: [uid], home: directory, env }));
  return { directory, dataDir: dataDir!, file, users };
}

it.runIf(isRoot)('have their way with a directory that is named', { timeout: 120_000 }, async () => {
  const { dataDir, file, users } = await place();
  for (const [at, user] of users.entries()) {
    const run = async (...args: readonly string[]) => {
      const ended = await artifactaAs(user, [...args, '--data-dir', dataDir]);
      expect({ env: user.env, args, ...ended }).toMatchObject({ code: 0, stderr: '' });
      return ended.stdout;
    };
    await run('push', file, '--session', `s${at}`);
    expect(await run('cat', `s${at}/f`)).toBe('f');
    await run('config', 'show');
  }
});

it.runIf(isRoot)('have their way with a service that is named', { timeout: 120_000 }, async () => {
  const { directory, users } = await place();
  const { grpc } = await startServe(join(directory, 'served')).ready;
  for (const user of users) {
    const run = (...args: readonly string[]) =>
      artifactaAs(user, [...args, '--url', `grpc://${String(grpc)}`]);
    expect({ env: user.env, ...(await run('ls')) }).toMatchObject({ code: 0 });
    expect({ env: user.env, ...(await run('config', 'show')) }).toMatchObject({ code: 0, stderr: '' });
  }
});

it.runIf(isRoot)('are told what to name where they name nothing', async () => {
  const { users } = await place();
  const unknown = await artifactaAs(users[0]!, ['ls']);
  expect(unknown).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^artifacta: HOME: must name your home directory, .*; or give --data-dir or --url\n$/,
    ),
  });
  expect(await artifactaAs(users[0]!, ['config', 'set', 'url', 'grpc://x:1'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^artifacta: HOME: must name your home directory, .* for this user\n$/),
  });
});
