/** Runs one action of a program, and reads what it cost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { environmentOf, type Program } from '../../test/clients/programs.ts';
import { cpuSecondsOf, forgetPeak, residentBytesOf } from '../harness/proc.ts';
import type { ServerProcess } from '../harness/processes.ts';
import type { Action } from './programs.ts';

const actionMs = 300_000;

/** The cost of one action. Processor time is in seconds, memory in bytes. */
export interface Cost {
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
  /** Resident when everything was loaded. */
  readonly loadedBytes: number;
  /** The most that was ever resident from then on. */
  readonly peakBytes: number;
  readonly serverPeakBytes: number;
}

/** @throws Error if the program fails, with what it wrote to standard error. */
export async function run(
  program: Program,
  action: Action,
  { server, name, path }: { readonly server: ServerProcess; readonly name: string; readonly path: string },
): Promise<Cost> {
  const [command, ...args] = program.run;
  const child = spawn(command!, [...args, action, name, path], {
    cwd: program.folder,
    env: {
      ...environmentOf(program),
      ARTIFACTA_URL: `grpc://${server.address}`,
      BENCH_HTTP_URL: `http://${server.httpAddress}`,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), actionMs);
  try {
    const says = conversation(child, `${program.name} ${action}`);
    await says('ready');
    const pid = child.pid!;
    const loadedBytes = residentBytesOf(pid).now;
    for (const each of [pid, server.pid]) forgetPeak(each);
    const [before, serverBefore] = [cpuSecondsOf(pid), server.cpuSeconds()];
    child.stdin.write('go\n');
    await says('done');
    return {
      cpuSeconds: cpuSecondsOf(pid) - before,
      serverCpuSeconds: server.cpuSeconds() - serverBefore,
      loadedBytes,
      peakBytes: residentBytesOf(pid).peak,
      serverPeakBytes: server.residentBytes().peak,
    };
  } finally {
    child.stdin.destroy();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    clearTimeout(timer);
  }
}

/** Returns a function that waits for a line of the program. */
function conversation(child: ChildProcess, title: string): (line: string) => Promise<void> {
  let complaints = '';
  child.stderr!.on('data', (text) => {
    complaints = `${complaints}${text}`.slice(-2_000);
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      reject(new Error(`${title} ended with ${code ?? signal}\n${complaints}`)),
    );
  });
  failed.catch(() => {});
  return async (line) => {
    const { value, done } = await Promise.race([lines.next(), failed]);
    if (done) return await failed;
    if (value !== line) throw new Error(`${title} said ${value} instead of ${line}\n${complaints}`);
  };
}
