/**
 * Data directories of tests. Each has 256 directories for contents, and `cp` and `rm` of `node:fs/promises` take eight
 * times the processor time for them, more than most tests take for all else.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export function copyDirectory(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
}

/** Whether it is there or not. */
export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** The paths of all files below it. */
export function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
