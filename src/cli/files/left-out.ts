import type { Output } from '../output/output.ts';
import type { LeftOutReason } from './walk.ts';

/** The words for the count of each, for one and for several. */
const words: Readonly<Record<LeftOutReason, readonly [one: string, several: string]>> = {
  excluded: ['excluded', 'excluded'],
  data_directory: ['that belongs to the data directory', 'that belong to the data directory'],
  link: ['symbolic link', 'symbolic links'],
  link_outside: [
    'symbolic link to a target outside the directory',
    'symbolic links to targets outside the directory',
  ],
  link_broken: ['symbolic link to a missing target', 'symbolic links to missing targets'],
  loop: ['symbolic link to a parent directory', 'symbolic links to parent directories'],
};

/** Counts the things that a push leaves out on purpose. A directory counts as one, with everything in it. */
export class LeftOut {
  private readonly counts = new Map<LeftOutReason, number>();

  get count(): number {
    return [...this.counts.values()].reduce((sum, one) => sum + one, 0);
  }

  add(reason: LeftOutReason): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }

  /** Shows how many and why, also with `--quiet`. If nothing was left out, it shows nothing. */
  tell(output: Output): void {
    const { count } = this;
    if (count === 0) return;
    const reasons = [...this.counts].map(([reason, many]) => `${many} ${words[reason][many === 1 ? 0 : 1]}`);
    const text = `${count} ${count === 1 ? 'was' : 'were'} left out: ${reasons.join(', ')}`;
    output.notice(text, { left_out: { count, reasons: Object.fromEntries(this.counts) } });
  }
}
