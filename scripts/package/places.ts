/** Where packages are made. */
import { join } from 'node:path';

/** The checkout. */
export const root = join(import.meta.dirname, '../..');

/** What was made, complete. */
export const output = join(root, 'dist-packages');

const making = '.making-';

/** Where that process makes packages, and no other process. */
export function stageOf(pid: number): string {
  return join(output, `${making}${pid}`);
}

/** The process whose place has that name; undefined if no process has it. */
export function makerOf(name: string): number | undefined {
  return name.startsWith(making) ? Number(name.slice(making.length)) : undefined;
}
