/** Who runs it, on whose volume, and what is there again after it was killed. Root and capabilities are always withheld. */
import assert from 'node:assert/strict';
import { type Attempt, arbitraryUser, asUser, dataIn, type Rig, user } from './attempts.ts';
import type { Container } from './containers.ts';

/** A file of the image, which goes through every check. */
const file = '/opt/artifacta/LICENSE';

/** Pushes a file of the image, and pulls it again. */
export async function pushIn(service: Container): Promise<void> {
  await service.ready;
  await service.artifacta('push', file, '--session', 'run', '--name', 'licence');
  await requireIn(service);
}

/** What was pushed is there. */
export async function requireIn(service: Container): Promise<void> {
  await service.ready;
  const script = `process.stdout.write(require('node:fs').readFileSync('${file}'))`;
  assert.equal(await service.artifacta('cat', 'run/licence'), await service.evaluate(script));
}

const volumes: readonly { what: string; rights: Parameters<Rig['volume']>[0]; flags: readonly string[] }[] = [
  { what: 'a volume of its own', rights: { ...user, mode: 0o700 }, flags: [] },
  {
    what: 'the volume of a group, as fsGroup makes it, which is not its first',
    rights: { gid: 2_000, mode: 0o2775 },
    flags: ['--group-add', '2000'],
  },
  {
    what: 'the volume of a group, with user and group of Kubernetes',
    rights: { gid: 65_532, mode: 0o2775 },
    flags: ['--user', '65532:65532'],
  },
  {
    what: 'the volume of the group 0, as an arbitrary user of OpenShift',
    rights: { mode: 0o2775 },
    flags: asUser(arbitraryUser),
  },
  {
    what: 'the volume of an fsGroup, as an arbitrary user of OpenShift',
    rights: { gid: 1_000_660_000, mode: 0o2775 },
    flags: [...asUser(arbitraryUser), '--group-add', '1000660000'],
  },
];

export const users: readonly Attempt[] = [
  {
    name: 'it is process 1, without root, without a capability, and cannot write to its root',
    run: async (rig) => {
      await using service = rig.serve();
      await service.ready;
      const told = await service.evaluate(`
        const fs = require('node:fs');
        const status = fs.readFileSync('/proc/1/status', 'utf8');
        const [, command] = fs.readFileSync('/proc/1/cmdline', 'utf8').split('\\0');
        let written = true;
        try { fs.writeFileSync('/opt/artifacta/x', ''); } catch { written = false; }
        console.log(JSON.stringify({
          uid: /^Uid:\\s*(\\d+)/m.exec(status)[1], capabilities: /^CapBnd:\\s*(\\w+)/m.exec(status)[1],
          privileges: /^NoNewPrivs:\\s*(\\d)/m.exec(status)[1], threads: process.env.UV_THREADPOOL_SIZE,
          flag: command, written,
        }));`);
      assert.deepEqual(JSON.parse(told), {
        uid: String(user.uid),
        capabilities: '0000000000000000',
        privileges: '1',
        threads: '16',
        flag: '--external-memory-accounted-in-global-limit',
        written: false,
      });
      return `user ${user.uid}`;
    },
  },
  ...volumes.map(
    ({ what, rights, flags }): Attempt => ({
      name: `on ${what}, it is killed, and has its data when it is started again`,
      run: async (rig) => {
        const data = dataIn(await rig.volume(rights));
        {
          await using service = rig.serve({ flags: [...flags, ...data] });
          await pushIn(service);
          await service.signal('SIGKILL');
          assert.equal(await service.ended, 137);
        }
        await using again = rig.serve({ flags: [...flags, ...data] });
        await requireIn(again);
        assert.equal((await again.stop()).code, 0);
        return 'pushed, killed, started, read';
      },
    }),
  ),
  {
    name: 'an arbitrary user takes the volume of podman’s own making, others go on with it, also after a kill, and the first again',
    run: async (rig) => {
      const volume = (await rig.containers.podman('volume', 'create')).trim();
      for (const [more, check, isKilled] of [
        [0, pushIn, false],
        [10_000, requireIn, true],
        [20_000, requireIn, true],
        [0, requireIn, false],
      ] as const) {
        const flags = [...dataIn(volume), ...asUser({ ...arbitraryUser, uid: arbitraryUser.uid + more })];
        await using service = rig.serve({ flags });
        await check(service);
        if (isKilled) await service.signal('SIGKILL');
        assert.equal(isKilled ? await service.ended : (await service.stop()).code, isKilled ? 137 : 0);
      }
      return 'pushed by one, read by all';
    },
  },
  {
    name: 'it runs its reaper beside itself, and ends with it',
    run: async (rig) => {
      await using service = rig.serve({ args: ['--with-reaper', '--grace-seconds', '0'] });
      await pushIn(service);
      while (!service.lines.some(({ msg }) => msg === 'reaping'))
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal((await service.stop()).code, 0);
      assert.deepEqual(
        service.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg),
        [],
      );
      return 'both left';
    },
  },
];
