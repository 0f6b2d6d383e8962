/**
 * The commands on a disk that somebody else has filled, with a service and without: those that read work and say, where
 * they say anything, that the disk is full; those that write say it and fail. All work when there is room again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeDirectory } from '../../support/directories.ts';
import { inTime } from '../server-process.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { serve } from './service.ts';
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
const diskBytes = 96 * 1024 ** 2;
const full = /disk is full/;

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Said> {
  const child = spawn(launcher, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece) => {
    out += String(piece);
  });
  child.stderr.on('data', (piece) => {
    err += String(piece);
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

interface Expected {
  readonly args: readonly string[];
  /** In what it prints. */
  readonly out?: RegExp;
  /** It fails, and this is among what it complains of. */
  readonly refusal?: RegExp;
  /** Somewhere it says that the disk is full, with a service too. */
  readonly isToldOfDisk?: boolean;
}

function commandsOn(home: string): Expected[] {
  return [
    { args: ['ls'], out: /kept/ },
    { args: ['ls', 'kept'], out: /hi\.txt/ },
    { args: ['cat', 'kept/hi.txt'], out: /^hello\n$/ },
    { args: ['show', 'kept/hi.txt'], out: /hi\.txt/ },
    { args: ['pull', 'kept', '--to', join(home, 'pulled')] },
    { args: ['fsck'], out: /nothing is wrong/, isToldOfDisk: true },
    { args: ['fsck', '--contents'], out: /nothing is wrong/, isToldOfDisk: true },
    { args: ['export', join(home, 'index.export'), '--force'] },
    { args: ['rm', 'kept/hi.txt'], refusal: full },
    { args: ['session', 'seal', 'kept'], refusal: full },
    { args: ['push', join(home, 'hi.txt'), '--session', 'new'], refusal: /0 bytes are free|disk is full/ },
    { args: ['ls', 'kept'], out: /hi\.txt/ },
  ];
}

function faultOf(said: Said, { args, out, refusal, isToldOfDisk }: Expected, isServed: boolean): string[] {
  const wrong: string[] = [];
  if ((said.code === 0) !== (refusal === undefined)) wrong.push(`it ends with ${said.code}`);
  if (out !== undefined && !out.test(said.out)) wrong.push(`it prints ${said.out}`);
  if (refusal !== undefined && !refusal.test(said.err)) wrong.push('it does not say why');
  const mustTell = isToldOfDisk === true || !isServed;
  if (mustTell && !full.test(said.out + said.err)) wrong.push('it does not mention the disk');
  return wrong.map((each) => `${args.join(' ')}: ${each}: ${said.err}`);
}

/** While it is written, what is removed of it still takes the room, and gives it back later. */
async function ballastKept(pid: number, path: string): Promise<void> {
  const isOpen = async () => {
    const open = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return targets.includes(path);
  };
  const isKept = async () => {
    while (!existsSync(path) || (await isOpen())) await delay(20);
  };
  await inTime(isKept(), 'the service keeps no room back', 30_000);
}

async function play(isServed: boolean): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-commands-'));
  const faults: string[] = [];
  const disk = new SmallDisk(join(home, 'small'), diskBytes);
  const dataDir = join(disk.path, 'data');
  const command = (args: readonly string[]) =>
    run([...args, '--data-dir', dataDir], { XDG_CACHE_HOME: join(home, 'cache') });
  const [file, other] = ['hi.txt', 'other.txt'].map((name) => join(home, name)) as [string, string];
  let count = 0;
  try {
    for (const path of [file, other]) await writeFile(path, 'hello\n');
    await command(['push', file, other, '--session', 'kept']);
    {
      await using service = isServed ? await serve(dataDir) : undefined;
      if (service !== undefined) await ballastKept(service.pid, join(dataDir, 'index', 'ballast'));
      await rm(join(dataDir, 'index', 'ballast'), { force: true });
      disk.fill(0);
      // Nothing is known before a write has failed, and what the page at the end of the log has room for does not.
      const wide = ['--meta', `wide=${'x'.repeat(1_000)}`];
      for (
        let at = 0;
        isServed && (await command(['session', 'open', `wide-${at}`, ...wide])).code === 0;
        at++
      )
        if (at > 8) throw new Error('no write fails');
      for (const expected of commandsOn(home)) {
        faults.push(...faultOf(await command(expected.args), expected, isServed));
        count++;
      }
      if ((await readFile(join(home, 'pulled', 'hi.txt'), 'utf8')) !== 'hello\n')
        faults.push('other bytes were pulled');
      disk.free();
    }
    const { code, err } = await command(['push', file, '--session', 'late']);
    if (code !== 0) faults.push(`with room again: ${err}`);
  } catch (error) {
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    disk[Symbol.dispose]();
    removeDirectory(home);
  }
  return { faults, said: `${count} commands` };
}

/** With a service and without. */
export const commands: readonly Scenario[] = [true, false].map((isServed) => ({
  name: `commands on a disk that somebody else has filled, ${isServed ? 'with a service' : 'without one'}`,
  obstacle: whyNoSmallDisk,
  play: () => play(isServed),
}));
