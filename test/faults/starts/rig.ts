/**
 * A service with a big index is started and killed, again and again, while every processor is busy. What is not ready in
 * time is reported with what it waited for: by its log, and by what the system says of its threads.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { keptStore } from '../../../bench/stores/cache.ts';
import { connect } from '../../../src/client/client.ts';
import { copyDirectory, removeDirectory } from '../../support/directories.ts';
import { Chance } from '../seeded.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');

interface StartsOptions {
  readonly starts: number;
  /** In the index. */
  readonly artifacts: number;
  /** Processes that do nothing but keep a processor busy. */
  readonly burners: number;
  readonly seed: number;
  /** Where the store is built, and kept. Default: in a temporary directory. */
  readonly stores?: string | undefined;
  /** Told of each start. Default: nobody is. */
  readonly progress?: (line: string) => void;
}

interface Starts {
  readonly faults: string[];
  readonly said: string;
  readonly ready: number;
  /** Killed before they were ready. */
  readonly killedEarly: number;
  readonly acknowledged: number;
}

/** A start that has not said `ready` by then is a fault; it is then waited for some more, to tell slow from never. */
const patienceMs = 30_000;
const lastPatienceMs = 120_000;
const killedEarlyShare = 0.3;
const lifeMsMax = 400;
const session = 'starts';

export async function startAndKill(options: StartsOptions): Promise<Starts> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-starts-'));
  const burners = Array.from({ length: options.burners }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  try {
    const spec = { live: options.artifacts, seed: 1 };
    const kept = await keptStore(
      options.stores ?? join(home, 'stores'),
      spec,
      options.progress ?? (() => {}),
    );
    const dataDir = join(home, 'data');
    copyDirectory(kept.dataDir, dataDir);
    return await new Campaign(dataDir, options).run();
  } finally {
    for (const burner of burners) burner.kill('SIGKILL');
    removeDirectory(home);
  }
}

class Campaign {
  private readonly dataDir: string;
  private readonly options: StartsOptions;
  private readonly chance: Chance;
  private readonly faults: string[] = [];
  private readonly readyMs: number[] = [];
  private readonly slow = new Map<string, number>();
  private killedEarly = 0;
  private pushed = 0;
  private acknowledged = 0;

  constructor(dataDir: string, options: StartsOptions) {
    this.dataDir = dataDir;
    this.options = options;
    this.chance = new Chance(options.seed);
  }

  async run(): Promise<Starts> {
    for (let start = 1; start <= this.options.starts; start++) {
      await this.start(start);
      this.options.progress?.(`start ${start}: ${this.said()}`);
    }
    await this.readBack();
    const { faults, killedEarly, acknowledged } = this;
    return { faults, said: this.said(), ready: this.readyMs.length, killedEarly, acknowledged };
  }

  private said(): string {
    const sorted = this.readyMs.toSorted((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
    const slow = JSON.stringify(Object.fromEntries(this.slow));
    return (
      `${sorted.length} ready after ${at(0.5)} ms (median), ${at(1)} ms (longest), ${this.killedEarly} killed before; ` +
      `slow by stage ${slow}; ${this.acknowledged} pushes acknowledged; ${this.faults.length} faults`
    );
  }

  private async start(number: number): Promise<void> {
    await using service = new Starting(this.dataDir);
    if (this.chance.happens(killedEarlyShare)) {
      // Anywhere in what starts usually take.
      const usualMs = this.readyMs.at(-1) ?? 1_000;
      if (!(await service.isReady(this.chance.next() * usualMs))) this.killedEarly++;
      return;
    }
    const beganMs = performance.now();
    if (!(await service.isReady(patienceMs))) await this.late(number, service);
    else this.readyMs.push(performance.now() - beganMs);
    for (const stage of service.slowStages) this.slow.set(stage, (this.slow.get(stage) ?? 0) + 1);
    if (service.socket !== undefined) await this.load(service);
  }

  private async late(number: number, service: Starting): Promise<void> {
    const threads = await service.threads();
    const isSlow = await service.isReady(lastPatienceMs);
    this.faults.push(
      `start ${number} was not ready after ${patienceMs / 1_000} s, and ${isSlow ? 'was later' : 'never'}: ` +
        `${service.said()}; threads: ${threads}`,
    );
  }

  /** Pushes until it is killed in the middle of that, some time after the first answer. */
  private async load(service: Starting): Promise<void> {
    const lifeMs = this.chance.next() * lifeMsMax;
    await using client = await connect(`unix:${service.socket}`, { retry: { attemptsMax: 1 } });
    const answered = Promise.withResolvers<void>();
    const killed = answered.promise.then(() => delay(lifeMs)).then(() => service.kill());
    for (let isAlive = true; isAlive; ) {
      const name = `${++this.pushed}.txt`;
      const bytes = Buffer.alloc(this.chance.pick([100, 4_000, 100_000]), name);
      await client.push(bytes, { session, name }).then(
        () => this.acknowledged++,
        () => {
          isAlive = false;
        },
      );
      answered.resolve();
    }
    await killed;
  }

  private async readBack(): Promise<void> {
    await using service = new Starting(this.dataDir);
    if (!(await service.isReady(patienceMs)))
      return void this.faults.push(`the last start: ${service.said()}`);
    await using client = await connect(`unix:${service.socket}`);
    let found = 0;
    if (this.acknowledged > 0) for await (const _ of client.query({ session })) found++;
    if (found < this.acknowledged)
      this.faults.push(`${this.acknowledged} were acknowledged, ${found} are there`);
  }
}

/** A service that starts. */
class Starting implements AsyncDisposable {
  /** Of the command line's listeners; undefined while it is not ready. */
  socket: string | undefined;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;
  private readonly ready = Promise.withResolvers<void>();
  private readonly lines: string[] = [];

  constructor(dataDir: string) {
    const listeners = [
      '--grpc-listen',
      '127.0.0.1:0',
      '--http-listen',
      '127.0.0.1:0',
      '--admin-listen',
      'none',
    ];
    const args = ['serve', '--data-dir', dataDir, ...listeners, '--reserve-bytes', '0'];
    this.child = spawn(launcher, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout!, this.child.stderr!])
      createInterface({ input: stream }).on('line', (line) => this.take(line));
  }

  private take(line: string): void {
    this.lines.push(line);
    if (!line.startsWith('{')) return;
    const { msg, socket } = JSON.parse(line) as { msg: string; socket?: string };
    if (msg !== 'ready') return;
    this.socket = socket;
    this.ready.resolve();
  }

  /** Whether it says `ready` in time. */
  async isReady(ms: number): Promise<boolean> {
    const late = new AbortController();
    const isEarly = this.ready.promise.then(() => true);
    const waited = delay(ms, false, { signal: late.signal }).catch(() => false);
    const ended = this.ended.then(() => false);
    return await Promise.race([isEarly, waited, ended]).finally(() => late.abort());
  }

  /** What it has waited for longest, as its log says. */
  get slowStages(): string[] {
    return [...new Set(this.lines.flatMap((line) => /"stage":"(\w+)"/.exec(line)?.[1] ?? []))];
  }

  said(): string {
    return this.lines.length === 0 ? 'it has said nothing' : this.lines.slice(-3).join(' | ');
  }

  /** What each thread of it is doing, as far as the system tells. */
  async threads(): Promise<string> {
    const directory = `/proc/${this.child.pid}/task`;
    const read = (path: string) => readFile(path, 'utf8').catch(() => '?');
    const ids = await readdir(directory).catch(() => []);
    const told = ids.map(async (id) => {
      const [name, status, where] = await Promise.all(
        ['comm', 'stat', 'wchan'].map((file) => read(join(directory, id, file))),
      );
      return `${name!.trim()} ${/\) (\w)/.exec(status!)?.[1] ?? '?'} ${where}`;
    });
    return (await Promise.all(told)).join(', ');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
