/**
 * Processes that are killed with SIGKILL while they delete a session, seal one that has lapsed, reap, take contents out of
 * use, remove them, and look for orphans: each time from the same beginning. Whoever comes next tells the same and
 * finishes the work, and in the end the same is stored: nothing that a row names is gone, and nothing else is left.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Step } from '../../../src/store/rows/steps.ts';
import { day, hour } from '../../lifecycle/rig.ts';
import { copyDirectory, filesBelow, removeDirectory } from '../../support/directories.ts';
import { startOfTime } from '../../support/service.ts';
import { inspect } from '../at-rest.ts';
import type { BucketProcess } from '../bucket/bucket-process.ts';
import { inTime } from '../server-process.ts';
import { unfinishedObjects } from './direct.ts';
import { collectAll, type Order, type StorePlace, type Work, workOn } from './work.ts';

const child = join(import.meta.dirname, 'reap-child.ts');

/** By then sessions and artifacts have ended, and no request id of the beginning is remembered. */
const ended = startOfTime + 2 * day;

/**
 * What ends the data, in this order: reaping, taking out of use what is free then, removing that. What clients have sent to
 * the bucket and not finished goes with what is taken out of use, and for good in the end.
 */
const phases: readonly { readonly work: Work; readonly now: number }[] = [
  { work: 'reap', now: ended + hour },
  { work: 'collect', now: ended + 3 * hour },
  { work: 'collect', now: ended + 5 * hour },
  { work: 'collect', now: startOfTime + 9 * day },
];
const numbers = [0, 1, 2, 3] as const;
type Phase = (typeof numbers)[number];
/** Later still: what a process that was killed has left without a row is old enough to be taken for an orphan. */
const late: readonly number[] = [startOfTime + 10 * day, startOfTime + 10 * day + 2 * hour];
/** What is still being uploaded then has no row, and what was uploaded long before has none either. */
const youngTime = ended - hour;
const orphans = 2;

/** A kill of the process that does the work of a phase: a step and which passing of it, or a request to the bucket. */
type KillAt =
  | { readonly step: Step; readonly occurrence: number }
  | { readonly deletion: 'stall' | 'done, stall' | 'late'; readonly skipped: number };

/** See {@link KillAt}. */
export type EndingKill = { readonly phase: Phase } & KillAt;

/** Requests of the last phase while which the bucket may have the process die. */
const deletions: readonly EndingKill[] = [
  { phase: 2, deletion: 'stall', skipped: 0 },
  { phase: 2, deletion: 'done, stall', skipped: 5 },
  { phase: 2, deletion: 'late', skipped: 9 },
  { phase: 1, deletion: 'done, stall', skipped: 1 },
  { phase: 1, deletion: 'late', skipped: 0 },
  { phase: 3, deletion: 'late', skipped: 0 },
];

interface EndingOptions {
  /** Undefined: the contents are on a disk. */
  readonly bucket: BucketProcess | undefined;
  /** Default: each passing of each step, and deletions. Those of requests are left out without a bucket. */
  readonly kills?: readonly EndingKill[];
}

/** What came of it. */
interface EndingReport {
  readonly faults: readonly string[];
  readonly tally: { kills: number; stored: number; left: number };
}

/** What is known of a place when all is over. */
interface End {
  readonly told: unknown;
  readonly stored: number;
  readonly faults: readonly string[];
  readonly orphans: number;
  readonly condemned: number;
}

/** Kills processes that end things. Each kill has a copy of the same store. */
export async function killEndings({ bucket, kills }: EndingOptions): Promise<EndingReport> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-reaping-'));
  const rig = new EndingRig(home, bucket);
  try {
    await rig.run(kills);
  } catch (error) {
    rig.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    removeDirectory(home);
  }
  return { faults: rig.faults, tally: rig.tally };
}

class EndingRig {
  readonly faults: string[] = [];
  readonly tally = { kills: 0, stored: 0, left: 0 };
  private readonly home: string;
  private readonly bucket: BucketProcess | undefined;

  constructor(home: string, bucket: BucketProcess | undefined) {
    this.home = home;
    this.bucket = bucket;
  }

  async run(kills: readonly EndingKill[] | undefined): Promise<void> {
    await this.setClock(startOfTime);
    await workOn({ place: this.place('phase-0'), work: 'fill', now: startOfTime });
    for (let count = 0; count < orphans; count++)
      await this.killed(
        { place: this.place('phase-0'), work: 'push', now: startOfTime },
        { step: 'upload.published', occurrence: 1 },
      );
    await this.keepWhatIsYoung();
    // The same without a kill, as each phase begins.
    const passed: EndingKill[] = [];
    for (const phase of numbers) {
      await this.copy(`phase-${phase}`, `phase-${phase + 1}`);
      const counts = new Map<Step, number>();
      await this.work(`phase-${phase + 1}`, phase, (step) => {
        counts.set(step, (counts.get(step) ?? 0) + 1);
        passed.push({ phase, step, occurrence: counts.get(step)! });
      });
    }
    const toldBefore = await this.tell('phase-0', 0);
    const toldThen = await this.tell('phase-1', 0);
    await this.collectLate('phase-4');
    const end = await this.endOf('phase-4');
    this.tally.stored = (await this.stored('phase-0')).length;
    this.tally.left = end.stored;
    for (const fault of end.faults) this.faults.push(`without a kill: ${fault}`);
    if (end.orphans > 0) this.faults.push(`without a kill: ${end.orphans} orphans are left`);
    const asText = passed.map((kill) => JSON.stringify(kill));
    const deletion: EndingKill = { phase: 0, step: 'session.deleted', occurrence: 1 };
    const early = asText.slice(0, asText.indexOf(JSON.stringify(deletion)));
    if (end.condemned > 0) this.faults.push(`without a kill: ${end.condemned} condemned files are left`);
    for (const kill of kills ?? [...passed, ...deletions])
      if ('step' in kill || this.bucket !== undefined)
        // Readers are told the same before the reaping and after it, but not before a session is deleted.
        await this.tryKill(kill, early.includes(JSON.stringify(kill)) ? toldBefore : toldThen, end);
    for (const request of (await this.bucket?.unguarded('try')) ?? [])
      this.faults.push(`a request could have met another object: ${request}`);
  }

  /**
   * Orphans are looked for while an upload is complete and not committed, and when what an upload left is not old enough.
   */
  private async keepWhatIsYoung(): Promise<void> {
    await this.copy('phase-0', 'young');
    await this.setClock(youngTime);
    const before = (await this.stored('young')).length;
    await workOn({ place: this.place('young'), work: 'push', now: youngTime }, async (step, rig) => {
      if (step === 'upload.published') await collectAll(rig!);
    });
    const after = (await this.stored('young')).length;
    // More than 13 hours have passed since clients began to send.
    const kept = before - (this.bucket === undefined ? 0 : unfinishedObjects);
    if (after !== kept + 1) this.faults.push(`while an upload was held: ${kept} contents became ${after}`);
    const { faults } = await this.inspect('young');
    for (const fault of faults) this.faults.push(`while an upload was held: ${fault}`);
  }

  private async tryKill(kill: EndingKill, toldThen: unknown, end: End): Promise<void> {
    const name = `try/${JSON.stringify(kill).replaceAll(/[^a-zA-Z0-9.]+/g, '-')}`;
    const fault = (text: string) => this.faults.push(`${name}: ${text}`);
    await this.copy(`phase-${kill.phase}`, name);
    await this.killed({ place: this.place(name), ...phases[kill.phase]! }, kill);
    this.tally.kills++;
    if (kill.phase === 0 && !isDeepStrictEqual(await this.tell(name, 0), toldThen))
      fault('readers are told something else after the kill');
    for (const phase of numbers) {
      if (phase < kill.phase) continue;
      await this.work(name, phase);
      // What the bucket was asked for by the process that is dead comes to pass.
      await this.bucket?.release();
    }
    await this.collectLate(name);
    const found = await this.endOf(name);
    if (!isDeepStrictEqual(found.told, end.told)) fault('readers are told something else in the end');
    // Readers push, too, before some kills.
    if (found.stored !== end.stored) fault(`${found.stored} contents are left, not ${end.stored}`);
    if (found.orphans > 0) fault(`${found.orphans} orphans are left`);
    if (found.condemned > 0) fault(`${found.condemned} condemned files are left`);
    for (const text of found.faults) fault(text);
    removeDirectory(this.place(name).dataDir);
  }

  private place(name: string): StorePlace {
    return { dataDir: join(this.home, name), bucket: this.bucket?.place(name) };
  }

  /** Files of a disk have the time of this machine: then those of the beginning. In the bucket they have its own. */
  private async copy(from: string, to: string): Promise<void> {
    const { dataDir } = this.place(to);
    copyDirectory(this.place(from).dataDir, dataDir);
    await this.bucket?.copy(from, to);
    this.setFileTimes(to);
  }

  private setFileTimes(name: string): void {
    if (this.bucket !== undefined) return;
    const then = new Date(startOfTime);
    for (const file of filesBelow(join(this.place(name).dataDir, 'blobs'))) utimesSync(file, then, then);
  }

  private async setClock(now: number): Promise<void> {
    await this.bucket?.clock(now);
  }

  private async work(name: string, phase: Phase, onStep?: (step: Step) => void): Promise<void> {
    await this.setClock(phases[phase]!.now);
    await workOn({ place: this.place(name), ...phases[phase]! }, onStep);
  }

  private async collectLate(name: string): Promise<void> {
    this.setFileTimes(name);
    for (const now of late) {
      await this.setClock(now);
      await workOn({ place: this.place(name), work: 'collect', now });
    }
  }

  private async tell(name: string, phase: 0 | 3): Promise<unknown> {
    return await workOn({ place: this.place(name), work: 'tell', now: phases[phase]!.now });
  }

  private async stored(name: string): Promise<readonly string[]> {
    if (this.bucket !== undefined) return await this.bucket.names(`${name}/blobs/`);
    return filesBelow(join(this.place(name).dataDir, 'blobs'));
  }

  private async inspect(name: string) {
    const { dataDir, bucket } = this.place(name);
    return await inspect(dataDir, undefined, bucket);
  }

  private async endOf(name: string): Promise<End> {
    const { length: stored } = await this.stored(name);
    const found = await this.inspect(name);
    return { stored, ...found, told: await this.tell(name, 3) };
  }

  /** A process does the work until it is killed. */
  private async killed(order: Order, kill: KillAt): Promise<void> {
    const at = 'step' in kill ? [kill.step, String(kill.occurrence)] : [];
    await this.setClock(order.now);
    const fault = 'step' in kill ? undefined : kill;
    const planned = fault && (await this.bucket!.fail('delete', fault.deletion, fault.skipped));
    const process = spawn(globalThis.process.execPath, [child, JSON.stringify(order), ...at], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    process.stderr.on('data', (text) => {
      complaint += String(text);
    });
    void planned?.met.then(() => process.kill('SIGKILL'));
    const [code, signal] = await inTime(
      once(process, 'close'),
      'a process that was to be killed goes on',
      120_000,
    );
    if (signal !== 'SIGKILL') throw new Error(`${JSON.stringify(kill)} ended with ${code}: ${complaint}`);
    if (complaint !== '') this.faults.push(`${JSON.stringify(kill)}: ${complaint}`);
  }
}
