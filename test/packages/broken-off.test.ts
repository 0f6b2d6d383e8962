/** A bundle and packages that cannot be made to the end: what was there before is used as it was, and nothing is half made. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SmallDisk, whyNoSmallDisk } from '../faults/disk/small-disk.ts';
import { copyCheckout, root } from '../support/checkout.ts';
import { removeDirectory } from '../support/directories.ts';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const obstacle = whyNoSmallDisk();
if (obstacle !== undefined) console.warn(`skipped, a bundle and packages without room: ${obstacle}`);

let home: string;
let checkout: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'artifacta-broken-off-'));
  checkout = join(home, 'checkout');
  copyCheckout(checkout, 'LICENSE', 'tsconfig.json', '.agents', '.claude-plugin', 'plugin');
});

afterEach(() => removeDirectory(home));

const at = (...path: string[]) => join(checkout, ...path);
const env = () => ({ PATH: process.env.PATH, HOME: home, TMPDIR: home });

function run(script: string, ...args: string[]): { status: number | null; said: string } {
  const ended = spawnSync(process.execPath, [at(script), ...args], { env: env(), encoding: 'utf8' });
  return { status: ended.status, said: ended.stdout + ended.stderr };
}

const launched = () => spawnSync(at('bin/artifacta'), ['--version'], { env: env(), encoding: 'utf8' }).stdout;

/** Resolves when nothing of it is there any more, and nobody waits to be told how it ended. */
async function killGroup(pid: number): Promise<void> {
  const send = (signal: 'SIGKILL' | 0) => {
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  };
  send('SIGKILL');
  await expect.poll(() => send(0), { timeout: 20_000 }).toBe(false);
}

/** What is in a directory, but for what the test itself has put there. */
function contents(directory: string): Record<string, string> {
  const names = readdirSync(at(directory)).filter((name) => !['ballast', 'files'].includes(name));
  return Object.fromEntries(
    names.sort().map((name) => {
      const path = at(directory, name);
      return [name, statSync(path).isFile() ? readFileSync(path, 'latin1') : 'a directory'];
    }),
  );
}

describe.skipIf(obstacle !== undefined)('on a full disk', { timeout: 120_000 }, () => {
  it('the bundle of before stays', () => {
    using disk = new SmallDisk(at('dist'), 32 * 2 ** 20);
    expect(run('scripts/build.ts')).toMatchObject({ status: 0 });
    const before = contents('dist');
    disk.fill(100_000);
    const { status, said } = run('scripts/build.ts', '--force');
    expect(status).toBe(1);
    expect(said).toMatch(/^cannot bundle the program: ENOSPC: no space left on device, write\n$/);
    expect(contents('dist')).toEqual(before);
    expect(launched()).toBe(`${version}\n`);
    // What has changed runs from its sources meanwhile.
    writeFileSync(at('src/new.ts'), '');
    expect(run('scripts/build.ts')).toMatchObject({ status: 1 });
    expect(launched()).toBe(`${version} (from its sources)\n`);
    disk.free();
    expect(run('scripts/build.ts')).toMatchObject({ status: 0 });
    expect(launched()).toBe(`${version}\n`);
  });

  it('without room for one more file, the bundle of these sources is known to be that', () => {
    using disk = new SmallDisk(at('dist'), 32 * 2 ** 20, 400);
    expect(run('scripts/build.ts')).toMatchObject({ status: 0 });
    disk.fillWithFiles();
    expect(run('scripts/build.ts')).toMatchObject({ status: 0, said: '' });
    expect(launched()).toBe(`${version}\n`);
  });

  it.for([0, 8_000_000])('the packages of before stay, with %i bytes left', (freeBytes) => {
    expect(run('scripts/build.ts')).toMatchObject({ status: 0 });
    using disk = new SmallDisk(at('dist-packages'), 32 * 2 ** 20);
    writeFileSync(at('dist-packages', `artifacta-${version}.tgz`), 'of before');
    const before = contents('dist-packages');
    disk.fill(freeBytes);
    const { status, said } = run('scripts/package/main.ts');
    expect(status).toBe(1);
    expect(said).toMatch(/^cannot make the packages: (.|\n)*\ndist-packages\/ has not changed\.\n$/m);
    expect(said).toMatch(/ENOSPC|no space left/);
    expect(said).not.toMatch(/^ {4}at /m);
    expect(contents('dist-packages')).toEqual(before);
  });
});

describe('packages that a signal breaks off', { timeout: 120_000 }, () => {
  const half = () => readdirSync(at('dist-packages')).filter((name) => name.startsWith('.'));

  /** Starts to make them, and sends the signal when they are under way. @returns how it ended. */
  async function breakOff(signal: NodeJS.Signals): Promise<number | string> {
    const child = spawn(process.execPath, [at('scripts/package/main.ts')], { env: env(), stdio: 'ignore' });
    const closed = once(child, 'close');
    const tmp = () => half().map((name) => at('dist-packages', name, 'tmp'));
    await expect
      .poll(() => tmp().some((path) => existsSync(path) && readdirSync(path).length > 0), { timeout: 60_000 })
      .toBe(true);
    child.kill(signal);
    if (signal === 'SIGKILL') await killGroup(Number(half()[0]!.slice('.making-'.length)));
    const [code, how] = (await closed) as [number | null, NodeJS.Signals | null];
    return code ?? how!;
  }

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s leaves nothing, and those of before as they were', async ([signal, code]) => {
    mkdirSync(at('dist-packages'));
    writeFileSync(at('dist-packages', `artifacta-${version}.tgz`), 'of before');
    expect(run('scripts/build.ts')).toMatchObject({ status: 0 });
    const before = contents('dist-packages');
    expect(await breakOff(signal)).toBe(code);
    expect(contents('dist-packages')).toEqual(before);
    expect(readdirSync(home).filter((name) => name.startsWith('artifacta-'))).toEqual([]);
  });

  it('SIGKILL leaves what the next run removes', async () => {
    mkdirSync(at('dist-packages'));
    writeFileSync(at('dist-packages', `artifacta-${version}.tgz`), 'of before');
    expect(run('scripts/build.ts')).toMatchObject({ status: 0 });
    expect(await breakOff('SIGKILL')).toBe('SIGKILL');
    expect(contents('dist-packages')[`artifacta-${version}.tgz`]).toBe('of before');
    expect(half()).toHaveLength(1);
    expect(run('scripts/package/main.ts', 'npm')).toMatchObject({ status: 0 });
    expect(half()).toEqual([]);
    expect(statSync(at('dist-packages', `artifacta-${version}.tgz`)).size).toBeGreaterThan(100_000);
  });
});
