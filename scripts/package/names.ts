/** How the packages are called where they are published, and what of a package is said alike everywhere. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The names on public registries, in `names.json` alone. They may belong to others: a publisher enters its own.
 */
export interface Names {
  readonly npm: string;
  readonly pip: string;
  readonly image: string;
  readonly chart: string;
  /** URL of the repository that publishes. Null: no one does, and packages say that they are not to be uploaded. */
  readonly repository: string | null;
}

/** Of `package.json`, what packages repeat. */
interface Manifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

/** @param root of the checkout. */
export function readNames(root: string): Names {
  return JSON.parse(readFileSync(join(root, 'scripts/package/names.json'), 'utf8')) as Names;
}

/** @param root of the checkout. */
export function readManifest(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
}

/** The version of a package that is installed, as the lock file has it. */
export function lockedVersion(root: string, name: string): string {
  return locked(root, name).version;
}

/** What the lock file says of a package. @throws Error if it does not name it. */
export function locked(root: string, name: string): { readonly version: string; readonly integrity: string } {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const found = packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`${name} is not in package-lock.json`);
  return found;
}
