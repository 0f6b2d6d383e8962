/**
 * File systems whose power can be cut: ext4 on loop devices. After the cut (`EXT4_IOC_SHUTDOWN` without flushing the
 * log) nothing more reaches the device, and what had not been synced is lost when it is mounted again. The commit
 * interval is long, so that nothing becomes durable by itself that nobody synced.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Everything on one file system, or the index on another one than the contents. */
export type Layout = 'same' | 'split';

const imageBytes = 512 * 1024 * 1024;

/** `_IOR('X', 125, __u32)` with the flag that the log is not flushed. */
const cutScript = `
import fcntl, os, struct, sys
for path in sys.argv[1:]:
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.ioctl(descriptor, 0x8004587D, struct.pack('I', 2))
`;

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Why there can be no such file systems here; undefined if there can. */
export function whyNoPowerDisk(): string | undefined {
  if (process.platform !== 'linux') return 'power cuts need Linux';
  if (process.getuid?.() !== 0) return 'power cuts need root, to mount file systems';
  for (const command of ['python3', 'mkfs.ext4', 'losetup', 'mount'])
    if (spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0) return `power cuts need ${command}`;
  try {
    using disk = new PowerDisk('same');
    disk.cut();
    disk.restore();
    return undefined;
  } catch (error) {
    return `a loop device with ext4 cannot be mounted and cut here: ${String(error)}`;
  }
}

export class PowerDisk implements Disposable {
  private readonly home = mkdtempSync(join(tmpdir(), 'artifacta-power-'));
  private readonly mounts: { readonly image: string; readonly path: string }[] = [];
  readonly dataDir: string;
  /** Of the index; undefined if it is in the data directory. */
  readonly indexDir: string | undefined;
  private readonly onExit = () => this[Symbol.dispose]();

  constructor(layout: Layout) {
    process.on('exit', this.onExit);
    try {
      this.dataDir = join(this.make('data'), 'data');
      this.indexDir = layout === 'split' ? join(this.make('index'), 'index') : undefined;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  private make(name: string): string {
    const mount = { image: join(this.home, `${name}.img`), path: join(this.home, name) };
    run('truncate', '-s', String(imageBytes), mount.image);
    run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', mount.image);
    mkdirSync(mount.path);
    this.attach(mount);
    this.mounts.push(mount);
    return mount.path;
  }

  private attach({ image, path }: { image: string; path: string }): void {
    run('mount', '-o', 'loop,commit=600', image, path);
  }

  /** From now on nothing reaches the devices. */
  cut(): void {
    run('python3', '-c', cutScript, ...this.mounts.map(({ path }) => path));
  }

  /** What reached them is there again. Nobody may use them meanwhile. */
  restore(): void {
    for (const mount of this.mounts) {
      run('umount', mount.path);
      this.attach(mount);
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.onExit);
    for (const { path } of this.mounts) spawnSync('umount', ['-l', path]);
    this.mounts.length = 0;
    rmSync(this.home, { recursive: true, force: true });
  }
}
