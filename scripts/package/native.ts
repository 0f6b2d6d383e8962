/** The native parts, for each platform that a wheel is made for. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { everywhere } from '../native-files.ts';
import { filesAt, type PackedFile } from './files.ts';
import { locked } from './names.ts';

/** What a wheel is made for. */
export interface Platform {
  /** As Node calls it. */
  readonly name: string;
  /** As pip calls it: it installs a wheel only where this fits. That of the wheel that brings Node. */
  readonly tag: string;
  /** As Python calls it, `sys.platform` and `platform.machine()`. */
  readonly system: string;
  readonly machines: readonly string[];
  readonly words: string;
  /** The package that holds the CRC. */
  readonly crc: string;
  /** Where LevelDB lies in its package. */
  readonly level: string;
  /** Whether the tests install and run it. */
  readonly isTried: boolean;
}

/** All wheels. */
export const platforms: readonly Platform[] = [
  {
    name: 'linux-x64',
    tag: 'manylinux_2_28_x86_64',
    system: 'linux',
    machines: ['x86_64', 'amd64'],
    words: 'Linux on x86-64 with glibc 2.28 or later',
    crc: '@node-rs/crc32-linux-x64-gnu',
    level: 'prebuilds/linux-x64/classic-level.node',
    isTried: true,
  },
  {
    name: 'linux-arm64',
    tag: 'manylinux_2_28_aarch64',
    system: 'linux',
    machines: ['aarch64', 'arm64'],
    words: 'Linux on arm64 with glibc 2.28 or later',
    crc: '@node-rs/crc32-linux-arm64-gnu',
    level: 'prebuilds/linux-arm64/classic-level.armv8.node',
    isTried: false,
  },
  {
    name: 'darwin-x64',
    tag: 'macosx_13_0_x86_64',
    system: 'darwin',
    machines: ['x86_64'],
    words: 'macOS 13 or later on x86-64',
    crc: '@node-rs/crc32-darwin-x64',
    level: 'prebuilds/darwin-x64+arm64/classic-level.node',
    isTried: false,
  },
  {
    name: 'darwin-arm64',
    tag: 'macosx_13_0_arm64',
    system: 'darwin',
    machines: ['arm64'],
    words: 'macOS 13 or later on arm64',
    crc: '@node-rs/crc32-darwin-arm64',
    level: 'prebuilds/darwin-x64+arm64/classic-level.node',
    isTried: false,
  },
];

/** Below `node_modules/`: what a bundle needs next to itself, and nothing of other platforms. */
export function nativeFiles(root: string, platform: Platform): PackedFile[] {
  const of = (name: string, paths: readonly string[]) =>
    paths.flatMap((path) => filesAt(join(root, 'node_modules', name, path), `node_modules/${name}/${path}`));
  return [
    ...Object.entries(everywhere).flatMap(([name, files]) => of(name, files)),
    ...of('classic-level', [platform.level]),
    ...crcFiles(root, platform.crc),
  ];
}

/** npm installs that of its own platform only: others are asked for, and are what the lock file says. */
function crcFiles(root: string, name: string): PackedFile[] {
  const to = `node_modules/${name}`;
  if (existsSync(join(root, to))) return filesAt(join(root, to), to);
  const { version, integrity } = locked(root, name);
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-native-'));
  try {
    const args = ['pack', `${name}@${version}`, '--pack-destination', directory, '--json'];
    const packed = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as { filename: string }[];
    const tarball = join(directory, packed[0]!.filename);
    const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (found !== integrity)
      throw new Error(`${name}: the lock file says ${integrity}, but the registry served ${found}`);
    execFileSync('tar', ['xzf', tarball, '-C', directory]);
    return filesAt(join(directory, 'package'), to);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
