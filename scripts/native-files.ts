/** The files of packages with native parts that a bundle needs next to itself, on the platform that this runs on. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The packages with native parts, which find these next to themselves: they are installed, and not bundled. */
export const nativePackages = ['@node-rs/crc32', 'classic-level'];

/** What a bundle needs of them on every platform, by package; the native parts themselves come to that. */
export const everywhere = {
  'classic-level': ['package.json', 'LICENSE', 'binding.js'],
  'node-gyp-build': ['package.json', 'LICENSE', 'index.js', 'node-gyp-build.js'],
  '@node-rs/crc32': ['package.json', 'LICENSE', 'index.js'],
} as const;

/**
 * Paths relative to the root of a checkout, where these packages are installed.
 * @returns undefined if what this platform needs is not installed.
 */
export function nativeFiles(root: string): readonly string[] | undefined {
  const level = join(root, 'node_modules/classic-level');
  const crc = join(root, 'node_modules/@node-rs/crc32');
  if (![level, crc, join(root, 'node_modules/node-gyp-build')].every((path) => existsSync(path)))
    return undefined;
  const packages = createRequire(join(root, 'package.json'));
  const { resolve } = packages('node-gyp-build') as { resolve(directory: string): string };
  try {
    // Each finds its own by the platform and the library of C; what the second has loaded says which it was.
    const prebuilt = resolve(level);
    packages('@node-rs/crc32');
    const loaded = Object.keys(packages.cache).find((path) => /\/@node-rs\/crc32-.*\.node$/.test(path));
    if (loaded === undefined) return undefined;
    return [
      ...Object.entries(everywhere).flatMap(([name, files]) =>
        files.map((file) => join(root, 'node_modules', name, file)),
      ),
      prebuilt,
      join(dirname(loaded), 'package.json'),
      loaded,
    ].map((path) => relative(root, path));
  } catch {
    return undefined;
  }
}
