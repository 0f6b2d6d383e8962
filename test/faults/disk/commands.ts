/**
 * The commands on a disk that somebody else has filled, with a service and without: those that read work and say, where
 * they say anything, that the disk is full; those that write say it and fail. All work when there is room again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { removeDirectory } from '../../support/directories.ts';
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
      await using _service = isServed ? await serve(dataDir) : undefined;
      await rm(join(dataDir, 'index', 'ballast'), { force: true });
      disk.fill(0);
      // The first write is the one that fails; nothing is known before.
      if (isServed) await command(['rm', 'kept/other.txt']);
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
