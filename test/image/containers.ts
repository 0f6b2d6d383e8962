/** Containers by podman, with what works in a sandbox, too: no limits of its own, no network but loopback. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { inTime } from '../faults/server-process.ts';

const run = promisify(execFile);

/** How long anything that a container is asked for may take. */
const patienceMs = 60_000;

/** As locked up as an orchestrator can have it. */
const locked = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
const limits = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'];

/** What a container is run with. */
interface Run {
  /** Of `podman run`, such as volumes and users. */
  readonly flags?: readonly string[];
  /** What comes after the image. */
  readonly args?: readonly string[];
}

/** Podman and buildah with a storage of their own, which goes with its directory. */
export class Containers implements AsyncDisposable {
  readonly directory: string;
  private readonly env: NodeJS.ProcessEnv;
  private readonly storage: readonly string[];

  private constructor(directory: string, driver: string) {
    this.directory = directory;
    this.env = { ...process.env, CONTAINERS_CONF: join(directory, 'containers.conf') };
    const places = ['--root', join(directory, driver), '--runroot', join(directory, 'run', driver)];
    this.storage = ['--storage-driver', driver, ...places];
  }

  /** Layers lie over each other where the system can do that; elsewhere each is copied, which takes seconds. */
  static async open(directory: string): Promise<Containers> {
    await writeFile(join(directory, 'containers.conf'), '[containers]\ndefault_ulimits = []\n');
    const overlaid = new Containers(directory, 'overlay');
    const isOverlaid = await overlaid.podman('info').then(
      () => true,
      () => false,
    );
    return isOverlaid ? overlaid : new Containers(directory, 'vfs');
  }

  /** @returns what it printed. */
  async build(context: string, tag: string, options: readonly string[] = []): Promise<string> {
    const args = [...this.storage, 'bud', '--isolation', 'chroot', '--tag', tag, ...options, context];
    const { stdout, stderr } = await run('buildah', args, { env: this.env, maxBuffer: 2 ** 26 });
    return stdout + stderr;
  }

  /** @returns what it printed. */
  async podman(...args: string[]): Promise<string> {
    const { stdout } = await run('podman', this.podmanArgs(args), { env: this.env, timeout: patienceMs });
    return stdout;
  }

  /** Starts one, attached. */
  start(image: string, { flags = [], args = [] }: Run = {}): Container {
    const name = `artifacta-${randomUUID()}`;
    const network = ['--network', 'none'];
    const all = ['run', '--rm', '--name', name, ...network, ...limits, ...locked, ...flags, image, ...args];
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    return new Container(name, this, spawn('podman', this.podmanArgs(all), { env: this.env, stdio }));
  }

  /** Lets go of what it has mounted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.podman('rm', '--all', '--force', '--time', '0').catch(() => undefined);
    await run('umount', ['--lazy', join(this.directory, 'overlay', 'overlay')]).catch(() => undefined);
  }

  private podmanArgs(args: readonly string[]): string[] {
    const how = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--runtime', '/usr/sbin/runc'];
    return [...this.storage, ...how, ...args];
  }
}

/** One line of its log. */
interface Line {
  readonly msg: string;
  readonly level: string;
  readonly [key: string]: unknown;
}

interface Stopped {
  readonly ms: number;
  readonly code: number;
}

export class Container implements AsyncDisposable {
  readonly beganMs = performance.now();
  /** Everything it logged so far. */
  readonly lines: Line[] = [];
  /** All that it wrote elsewhere, and what of standard output is no log. */
  said = '';
  /** Resolves with the line that says so; rejects if it ends without. */
  readonly ready: Promise<Line>;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number>;
  private readonly name: string;
  private readonly owner: Containers;

  constructor(name: string, owner: Containers, child: ChildProcess) {
    this.name = name;
    this.owner = owner;
    const ready = Promise.withResolvers<Line>();
    ready.promise.catch(() => undefined);
    createInterface({ input: child.stdout! }).on('line', (text) => {
      if (!text.startsWith('{')) {
        this.said += `${text}\n`;
        return;
      }
      const line = JSON.parse(text) as Line;
      this.lines.push(line);
      if (line.msg === 'ready') ready.resolve(line);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    const ended = once(child, 'close').then(([code]) => code as number);
    void ended.then((code) => ready.reject(new Error(`it ended with ${code}: ${this.said.trim()}`)));
    this.ready = inTime(ready.promise, 'it was not ready in time', patienceMs);
    this.ready.catch(() => undefined);
    this.ended = inTime(ended, 'it did not end in time', patienceMs);
    this.ended.catch(() => undefined);
  }

  /** Of its process 1, as this machine numbers it. Waits until there is one. */
  async pid(): Promise<number> {
    for (;;) {
      const told = await this.owner
        .podman('inspect', '--format', '{{.State.Pid}}', this.name)
        .catch(() => '0');
      if (Number(told) > 0) return Number(told);
      if (performance.now() - this.beganMs > patienceMs) throw new Error(`it has no process: ${this.said}`);
    }
  }

  /** Runs a command line of Artifacta in it. @returns what it printed. */
  async artifacta(...args: string[]): Promise<string> {
    return await this.owner.podman('exec', this.name, 'artifacta', ...args);
  }

  /** Runs JavaScript in it. @returns what it printed. */
  async evaluate(script: string): Promise<string> {
    return await this.owner.podman('exec', this.name, 'node', '--eval', script);
  }

  /** Sends a signal to its process 1. */
  async signal(name: NodeJS.Signals): Promise<void> {
    process.kill(await this.pid(), name);
  }

  /** Tells it to stop. @returns after how many milliseconds process 1 was gone, and its exit code. */
  async stop(): Promise<Stopped> {
    return await this.stopProcess(await this.pid());
  }

  /** The same at once, where the number of its process is known. */
  async stopProcess(pid: number): Promise<Stopped> {
    const beganMs = performance.now();
    process.kill(pid, 'SIGTERM');
    while (await isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 2));
    const ms = performance.now() - beganMs;
    return { ms, code: await this.ended };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.owner.podman('rm', '--force', '--volumes', '--time', '0', this.name).catch(() => undefined);
    await this.ended.catch(() => undefined);
  }
}

/** What has ended and waits for its parent does not count. */
async function isRunning(pid: number): Promise<boolean> {
  const state = await stateOf(pid).catch(() => undefined);
  return state !== undefined && state[0] !== 'Z';
}

/** Fields of `/proc/PID/stat` from the state on. */
async function stateOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(') ') + 2).split(' ');
}

/** Processor time of a process and of its children that have ended, in milliseconds. */
export async function processorMs(pid: number): Promise<number> {
  const fields = await stateOf(pid);
  // Hundredths of a second, as Linux tells them everywhere.
  return fields.slice(11, 15).reduce((sum, each) => sum + Number(each) * 10, 0);
}

/** Whether a process has loaded that library. */
export async function hasLoaded(pid: number, library: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/maps`, 'utf8')).includes(library);
}
