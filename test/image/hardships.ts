/** Bad input: homes, volumes, sockets and clocks as they should not be. It works all the same, or says what to do. */
import assert from 'node:assert/strict';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { faketime } from '../faults/clock/rig.ts';
import { type Attempt, arbitraryUser, asUser, dataIn, type Rig, user } from './attempts.ts';
import { pushIn, requireIn } from './users.ts';

/** Homes that cannot be written to, or are something else. */
const homes: readonly { what: string; flags: readonly string[] }[] = [
  { what: 'without HOME', flags: ['--unsetenv', 'HOME'] },
  { what: 'with an empty HOME', flags: ['--env', 'HOME='] },
  { what: 'with a HOME that cannot be written to', flags: ['--env', 'HOME=/proc'] },
  { what: 'with a HOME that is not there', flags: ['--env', 'HOME=/nowhere/home'] },
  { what: 'with the data directory as HOME', flags: ['--env', 'HOME=/data'] },
  {
    what: 'with the data directory as HOME, as an arbitrary user',
    flags: ['--env', 'HOME=/data', ...asUser(arbitraryUser)],
  },
];

/** Starts a service that must refuse. @returns what it says. */
async function refusal(rig: Rig, flags: readonly string[], args: readonly string[] = []): Promise<string> {
  await using service = rig.serve({ flags, args });
  const code = await Promise.race([
    service.ended,
    service.ready.then(
      () => 'it is ready',
      () => service.ended,
    ),
  ]);
  assert.equal(code, 1, service.said);
  return service.said.trim();
}

export const hardships: readonly Attempt[] = [
  ...homes.map(
    ({ what, flags }): Attempt => ({
      name: `it serves ${what}`,
      run: async (rig) => {
        const data = dataIn(await rig.volume({ gid: 0, mode: 0o2775 }));
        for (const check of [pushIn, requireIn]) {
          await using service = rig.serve({ flags: [...flags, ...data], args: ['--grace-seconds', '0'] });
          await check(service);
          await service.stop();
        }
        return 'pushed, started again, read';
      },
    }),
  ),
  {
    name: 'a volume with lost+found of root is an empty one',
    run: async (rig) => {
      const volume = await rig.volume({ ...user, mode: 0o755 });
      await mkdir(join(volume, 'lost+found'), { mode: 0o700 });
      await using service = rig.serve({ flags: dataIn(volume) });
      await pushIn(service);
      return (await readdir(volume)).sort().join(' ');
    },
  },
  {
    name: 'a read-only volume is refused, empty or not',
    run: async (rig) => {
      const volume = await rig.volume({ ...user, mode: 0o700 });
      const said = await refusal(rig, dataIn(volume, ':ro'));
      assert.match(said, /^artifacta: .*\/data.*read-only/);
      {
        await using service = rig.serve({ flags: dataIn(volume), args: ['--grace-seconds', '0'] });
        await pushIn(service);
        await service.stop();
      }
      assert.match(await refusal(rig, dataIn(volume, ':ro')), /^artifacta: .*\/data.*read-only/);
      await using again = rig.serve({ flags: dataIn(volume) });
      await requireIn(again);
      return said;
    },
  },
  {
    name: 'a volume that belongs to root is refused, and told how to be given',
    run: async (rig) => {
      const said = await refusal(rig, [
        ...dataIn(await rig.volume({ mode: 0o755 })),
        '--user',
        '65532:65532',
      ]);
      assert.match(said, /chown -R 65532 \/data/);
      return said;
    },
  },
  {
    name: 'a volume that fills up takes no uploads any more, says so, and is read',
    run: async (rig) => {
      const full = ['--mount', 'type=tmpfs,destination=/data,tmpfs-size=4194304,tmpfs-mode=0770'];
      await using service = rig.serve({ flags: [...full, '--user', '65532:0'] });
      await pushIn(service);
      const refused = await service
        .artifacta('push', '/opt/artifacta', '--session', 'all', '--links', 'skip')
        .then(
          () => 'it was taken',
          (error: { readonly stderr: string }) => error.stderr.trim(),
        );
      const [told] = /^.*(?:space|free|full).*$/m.exec(refused) ?? [];
      assert.ok(told !== undefined, refused);
      await requireIn(service);
      return told;
    },
  },
  {
    name: 'a socket in a directory that containers share is told where it may be, and a reaper finds it there',
    run: async (rig) => {
      const shared = await rig.volume({ mode: 0o777 });
      const flags = ['--volume', `${shared}:/run/artifacta`];
      const said = await refusal(rig, flags, ['--socket', '/run/artifacta/sock']);
      const [, socket] = /start with --socket (\S+) \(the service/.exec(said) ?? [];
      assert.ok(socket !== undefined, said);
      await using service = rig.serve({ flags, args: ['--socket', socket] });
      await service.ready;
      const reaper = rig.containers.start(rig.image, { flags, args: ['reap', '--once', '--socket', socket] });
      assert.equal(await reaper.ended, 0, reaper.said);
      assert.deepEqual(await readdir(shared), ['own']);
      assert.equal((await stat(join(shared, 'own'))).mode & 0o777, 0o700);
      return socket;
    },
  },
  {
    name: 'a clock that is a day behind in the container is not followed, and what is stored is read',
    run: async (rig) => {
      const library = faketime();
      if (library === undefined)
        throw new Error('there is no libfaketime (Debian: apt-get install libfaketime)');
      const volume = await rig.volume({ ...user, mode: 0o700 });
      {
        await using service = rig.serve({ flags: dataIn(volume), args: ['--grace-seconds', '0'] });
        await pushIn(service);
        await service.stop();
      }
      const offset = join(rig.containers.directory, 'offset');
      await writeFile(offset, '-1d');
      const flags = [
        ...['--volume', `${library}:/faketime.so:ro`, '--volume', `${offset}:/offset:ro`],
        ...['--env', 'FAKETIME_TIMESTAMP_FILE=/offset', '--env', 'FAKETIME_DONT_FAKE_MONOTONIC=1'],
        ...['--env', 'LD_PRELOAD=/faketime.so'],
      ];
      await using service = rig.serve({
        flags: [...flags, ...dataIn(volume)],
        args: ['--grace-seconds', '0'],
      });
      await requireIn(service);
      await service.artifacta('push', '/opt/artifacta/sbom.cdx.json', '--session', 'run', '--name', 'later');
      assert.equal((await service.stop()).code, 0);
      const [warned] = service.lines.filter(({ msg }) => msg.startsWith('the wall clock is not trusted'));
      assert.ok(warned !== undefined, 'it did not say so');
      return warned.msg;
    },
  },
];
