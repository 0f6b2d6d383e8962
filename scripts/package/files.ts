/** Files of packages, before they are written anywhere. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One file of a package. */
export interface PackedFile {
  /** Where it lies in the package, with `/`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly isExecutable: boolean;
}

/** Where a package has the plugin, as in the checkout. */
export const pluginPlaces = ['.agents', '.claude-plugin', 'plugin'] as const;

/** A text that is made here. */
export function textFile(path: string, text: string): PackedFile {
  return { path, content: Buffer.from(text), isExecutable: false };
}

/** A file as it is on disk, or all files of a directory, in the order of their names. */
export function filesAt(from: string, path: string): PackedFile[] {
  const stats = statSync(from);
  if (!stats.isDirectory())
    return [{ path, content: readFileSync(from), isExecutable: (stats.mode & 0o100) !== 0 }];
  const names = readdirSync(from).sort();
  return names.flatMap((name) => filesAt(join(from, name), `${path}/${name}`));
}

/** The launcher, the bundle, and the files to pass on with them. The bundle must have been built. */
export function programFiles(root: string): PackedFile[] {
  const { files } = JSON.parse(readFileSync(join(root, 'dist/made-from'), 'utf8')) as { files: string[] };
  return [
    ...filesAt(join(root, 'bin'), 'bin'),
    ...[...files, 'package.json'].sort().flatMap((name) => filesAt(join(root, 'dist', name), `dist/${name}`)),
  ];
}

/** The plugin for hosts of agents, and the lists from which they install it. */
export function pluginFiles(root: string): PackedFile[] {
  return pluginPlaces.flatMap((name) => filesAt(join(root, name), name));
}

/** Licence and notices. */
export function legalFiles(root: string): PackedFile[] {
  return [
    ...filesAt(join(root, 'LICENSE'), 'LICENSE'),
    ...filesAt(join(root, 'dist/THIRD_PARTY_NOTICES'), 'THIRD_PARTY_NOTICES'),
  ];
}

/** Writes them into a directory that has nothing else. */
export function writeFiles(directory: string, files: readonly PackedFile[]): void {
  rmSync(directory, { recursive: true, force: true });
  for (const { path, content, isExecutable } of files) {
    const to = join(directory, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, content, { mode: isExecutable ? 0o755 : 0o644 });
  }
}
