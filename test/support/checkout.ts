/** A checkout of its own, for what is built and changed in it; its packages are those of this one. */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The checkout that is tested. */
export const root = resolve(import.meta.dirname, '../..');

/** @param directory made, with what a bundle is made from and the launcher in it. @param more paths to copy, too. */
export function copyCheckout(directory: string, ...more: string[]): void {
  mkdirSync(directory);
  for (const path of ['src', 'gen', 'scripts', 'bin', 'package.json', 'package-lock.json', ...more])
    cpSync(join(root, path), join(directory, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
}
