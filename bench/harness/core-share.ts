/** A share of a processor for a process and its descendants, by a control group of Linux. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PeerMissing } from '../peers/missing.ts';

const root = '/sys/fs/cgroup';
const periodMicros = 100_000;

/** A control group. Disposal removes it; its processes must have ended. */
export class CoreShare implements Disposable {
  private readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * @param share of one core, such as 0.2.
   * @throws PeerMissing if this process may not make control groups.
   */
  static make(name: string, share: number): CoreShare {
    const isSecond = existsSync(join(root, 'cgroup.controllers'));
    const directory = join(root, isSecond ? '' : 'cpu', `artifacta-bench-${process.pid}-${name}`);
    const quota = String(Math.round(share * periodMicros));
    try {
      mkdirSync(directory);
      if (isSecond) writeFileSync(join(directory, 'cpu.max'), `${quota} ${periodMicros}`);
      else {
        writeFileSync(join(directory, 'cpu.cfs_period_us'), String(periodMicros));
        writeFileSync(join(directory, 'cpu.cfs_quota_us'), quota);
      }
    } catch (error) {
      throw new PeerMissing(`control groups of Linux: ${String(error)}`);
    }
    return new CoreShare(directory);
  }

  /** Returns a command that runs `command` with this share. */
  of(command: readonly string[]): string[] {
    const enter = `echo $$ > '${join(this.directory, 'cgroup.procs')}' && exec "$@"`;
    return ['sh', '-c', enter, 'sh', ...command];
  }

  [Symbol.dispose](): void {
    rmdirSync(this.directory);
  }
}
