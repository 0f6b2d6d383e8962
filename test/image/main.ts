/**
 * Builds the image on a base of its own and puts it through what orchestrators do:
 *
 *     test/image/run.sh [NAME…]
 *
 * One line a check. Ends with 0 if all came out as they must.
 */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { removeDirectory } from '../support/directories.ts';
import type { Attempt, Rig } from './attempts.ts';
import { Containers } from './containers.ts';
import { hardships } from './hardships.ts';
import { looks } from './looks.ts';
import { starts } from './starts.ts';
import { users } from './users.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const [base, image] = ['localhost/artifacta-base', 'localhost/artifacta'];

const directory = await mkdtemp(join(tmpdir(), 'artifacta-image-'));
try {
  // Users of containers pass through it.
  await chmod(directory, 0o755);
  await using containers = await Containers.open(directory);
  process.exitCode = (await tryAll(await rigIn(directory, containers))) === 0 ? 0 : 1;
} finally {
  await removeDirectory(directory);
}

async function rigIn(home: string, containers: Containers): Promise<Rig> {
  let beganMs = performance.now();
  const note = (what: string) => {
    console.log(`${what} in ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`);
    beganMs = performance.now();
  };
  await run(process.execPath, [join(root, 'scripts/image-base.ts'), join(home, 'base')]);
  await containers.build(join(home, 'base'), base);
  note('the base is made');
  const { stdout: revision } = await run('git', ['rev-parse', 'HEAD'], { cwd: root });
  const options = ['--build-arg', `BASE=${base}`, '--build-arg', `REVISION=${revision.trim()}`];
  await containers.build(root, image, options);
  note('the image is built');
  const listeners = ['grpc', 'http', 'admin'].flatMap((service) => [`--${service}-listen`, '0.0.0.0:0']);
  let volumes = 0;
  return {
    containers,
    base,
    image,
    root,
    serve: ({ flags = [], args = [] } = {}) =>
      containers.start(image, { flags, args: ['serve', '--insecure', ...listeners, ...args] }),
    volume: async ({ uid = 0, gid = 0, mode }) => {
      const path = join(home, `volume-${volumes++}`);
      await mkdir(path);
      await chown(path, uid, gid);
      await chmod(path, mode);
      return path;
    },
  };
}

/** @returns how many failed. */
async function tryAll(rig: Rig): Promise<number> {
  const wanted = process.argv.slice(2);
  const isWanted = ({ name }: Attempt) => wanted.length === 0 || wanted.some((part) => name.includes(part));
  let failed = 0;
  for (const attempt of [...looks, ...starts, ...users, ...hardships].filter(isWanted)) {
    try {
      console.log(`ok: ${attempt.name}: ${await attempt.run(rig)}`);
    } catch (error) {
      failed++;
      console.log(`FAILED: ${attempt.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  console.log(failed === 0 ? 'the image: all is well' : `the image: ${failed} failed`);
  return failed;
}
