/** A fake bucket from the side of those who kill the servers that use it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Fault, Kind } from '../../support/gcs/server.ts';
import { inTime } from '../server-process.ts';
import type { Command, Line } from './bucket-child.ts';
import type { BucketPlace } from './place.ts';

const script = join(import.meta.dirname, 'bucket-child.ts');
const dayMs = 86_400_000;

export class BucketProcess implements AsyncDisposable {
  readonly endpoint: string;
  private readonly child: ChildProcess;
  /** Those who wait for the answer to a command, in the order of the commands. */
  private readonly asked: ((said: unknown) => void)[];
  private readonly onMet: (() => void)[];

  private constructor(
    child: ChildProcess,
    endpoint: string,
    waiting: { readonly asked: ((said: unknown) => void)[]; readonly onMet: (() => void)[] },
  ) {
    this.child = child;
    this.endpoint = endpoint;
    this.asked = waiting.asked;
    this.onMet = waiting.onMet;
  }

  static async start(): Promise<BucketProcess> {
    const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const waiting = { asked: [] as ((said: unknown) => void)[], onMet: [] as (() => void)[] };
    const begun = Promise.withResolvers<string>();
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if ('endpoint' in line) begun.resolve(line.endpoint);
      else if ('met' in line) waiting.onMet.shift()?.();
      else waiting.asked.shift()!(line.said);
    });
    return new BucketProcess(child, await inTime(begun.promise, 'the bucket does not start'), waiting);
  }

  /** What a server needs to use a place. */
  place(prefix: string): BucketPlace {
    return { endpoint: this.endpoint, prefix };
  }

  /** A request of a kind fails after some others of it. Resolves when that has begun, to wait for it in `met`. */
  async fail(kind: Kind, fault: Fault, skipped = 0): Promise<{ readonly met: Promise<void> }> {
    const met = new Promise<void>((resolve) => this.onMet.push(resolve));
    await this.tell({ do: 'fail', kind, fault, skipped });
    return { met };
  }

  /** Lets late requests go on. */
  async release(): Promise<void> {
    await this.tell({ do: 'release' });
  }

  /** True: answers 503 to every request, until it is told otherwise. */
  async down(how: boolean | 'reset' | 'stall'): Promise<void> {
    await this.tell({ do: 'down', how });
  }

  /** As if the objects had been written two days earlier. */
  async age(prefix: string): Promise<void> {
    await this.tell({ do: 'age', prefix, ms: 2 * dayMs });
  }

  /** Sets the clock of the bucket, in milliseconds since the Unix epoch. Undefined: to that of this machine. */
  async clock(ms: number | undefined): Promise<void> {
    await this.tell({ do: 'clock', ms });
  }

  /** Copies all objects of a place to another one. */
  async copy(prefix: string, to: string): Promise<void> {
    await this.tell({ do: 'copy', prefix: `${prefix}/`, to: `${to}/` });
  }

  /** Creations, and deletions of contents of a place, that no precondition or generation kept from another object. */
  async unguarded(prefix: string): Promise<readonly string[]> {
    return (await this.tell({ do: 'unguarded', prefix })) as readonly string[];
  }

  /** The names below a prefix to which clients may have sent bytes. */
  async begun(prefix: string): Promise<ReadonlySet<string>> {
    return new Set((await this.tell({ do: 'begun', prefix })) as readonly string[]);
  }

  async names(prefix: string): Promise<readonly string[]> {
    return (await this.tell({ do: 'names', prefix })) as readonly string[];
  }

  async bytes(name: string): Promise<Buffer> {
    return Buffer.from((await this.tell({ do: 'bytes', name })) as string, 'base64');
  }

  /** The number of requests that have come. */
  async count(): Promise<number> {
    return (await this.tell({ do: 'count' })) as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await closed;
  }

  private async tell(command: Command): Promise<unknown> {
    const said = new Promise<unknown>((resolve) => this.asked.push(resolve));
    this.child.stdin!.write(`${JSON.stringify(command)}\n`);
    return await inTime(said, `the bucket does not ${command.do}`);
  }
}
