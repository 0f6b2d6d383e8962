/** A real service whose wall clock is set while it runs and while it does not, with libfaketime, seen from its socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { type StorePause, StorePause_Cause } from '../../../gen/artifacta/v1/store_pb.ts';
import { ArtifactaClient } from '../../../src/client/client.ts';
import { openEndpoint } from '../../../src/client/wire/endpoint.ts';
import { removeDirectory } from '../../support/directories.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
/** How long the service may take to start, to stop, or to notice something, in milliseconds. */
const patienceMs = 30_000;

const causeNames = new Map<number, string>(
  Object.entries(StorePause_Cause).map(([name, value]) => [value, name]),
);

/** Where distributions put it; with a mutex first, since the service has threads. */
const libraries = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].flatMap((root) =>
  existsSync(root)
    ? ['.', ...readdirSync(root).filter((name) => name.includes('linux'))].flatMap((directory) =>
        ['libfaketimeMT.so.1', 'libfaketime.so.1'].map((name) => join(root, directory, 'faketime', name)),
      )
    : [],
);

/** The library; undefined if there is none. */
export function faketime(): string | undefined {
  return libraries.find((path) => existsSync(path));
}

/** Why no clock can be set here; undefined if it can. */
export function whyNoClock(): string | undefined {
  if (process.platform !== 'linux') return 'setting the clock of one process needs Linux';
  return faketime() === undefined ? 'there is no libfaketime (Debian: apt-get install faketime)' : undefined;
}

/** A data directory, and the wall clock of the services that have it open one after another. */
export class Clockwork implements AsyncDisposable {
  readonly dataDir: string;
  private readonly home: string;
  private readonly offsetPath: string;

  private constructor(home: string) {
    this.home = home;
    this.dataDir = join(home, 'data');
    this.offsetPath = join(home, 'offset');
    this.set('+0');
  }

  static async open(): Promise<Clockwork> {
    return new Clockwork(await mkdtemp(join(tmpdir(), 'artifacta-clock-')));
  }

  /** Sets the wall clock, at once. @param offset from the real one, as faketime has it: `+30d`, `-2h`. */
  set(offset: string): void {
    writeFileSync(this.offsetPath, `${offset}\n`);
  }

  async serve(): Promise<Service> {
    const listeners = ['--grpc-listen', '127.0.0.1:0', '--http-listen', 'none', '--admin-listen', 'none'];
    const child = spawn(launcher, ['serve', '--data-dir', this.dataDir, ...listeners], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        LD_PRELOAD: faketime(),
        FAKETIME_TIMESTAMP_FILE: this.offsetPath,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        NO_FAKE_STAT: '1',
      },
    });
    const ready = Promise.withResolvers<string>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = JSON.parse(line) as { msg: string; socket: string };
      if (said.msg === 'ready') ready.resolve(said.socket);
    });
    child.once('exit', (code) => ready.reject(new Error(`the service ended with ${code}`)));
    return await Service.connect(child, await ready.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    removeDirectory(this.home);
  }
}

export class Service implements AsyncDisposable {
  readonly client: ArtifactaClient;
  private readonly child: ChildProcess;
  private readonly admin: ReturnType<typeof createClient<typeof AdminService>>;

  private constructor(
    child: ChildProcess,
    client: ArtifactaClient,
    admin: ReturnType<typeof createClient<typeof AdminService>>,
  ) {
    this.child = child;
    this.client = client;
    this.admin = admin;
  }

  static async connect(child: ChildProcess, socket: string): Promise<Service> {
    const endpoint = await openEndpoint(`unix:${socket}`);
    return new Service(child, new ArtifactaClient(endpoint), createClient(AdminService, endpoint.transport));
  }

  /** Causes of pauses, and how far the service's time is ahead of the real one, in milliseconds. */
  async status(): Promise<{ causes: string[]; pauses: StorePause[]; aheadMs: number }> {
    const { status } = await this.admin.getStoreStatus({});
    const time = status!.serviceTime!;
    return {
      causes: status!.pauses.map(({ cause }) => causeNames.get(cause) ?? String(cause)),
      pauses: status!.pauses,
      aheadMs: Number(time.seconds) * 1_000 + time.nanos / 1e6 - Date.now(),
    };
  }

  /** Resolves when these and no other pauses are in force. @throws Error if that is not so in time. */
  async until(causes: readonly string[], ms = patienceMs): Promise<void> {
    const end = performance.now() + ms;
    for (;;) {
      const now = await this.status();
      if (now.causes.join() === causes.join()) return;
      if (performance.now() > end) throw new Error(`pauses are ${now.causes.join()}, not ${causes.join()}`);
      await delay(200);
    }
  }

  /** An operator says that the clock is right. */
  async confirm(): Promise<void> {
    const [pause] = (await this.status()).pauses;
    await this.admin.resumeMaintenance({ pauseId: pause!.id });
  }

  /** Lets it end as a supervisor does. */
  async stop(): Promise<void> {
    await this.client.close();
    this.child.removeAllListeners('exit');
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const [code] = await ended;
    if (code !== 0) throw new Error(`the service ended with ${code}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.removeAllListeners('exit');
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
