/**
 * A real service to which one client sends compressed messages that hold far more than they are, over gRPC and gRPC-Web,
 * while somebody else goes on in a process of their own. What its memory grows by is bounded, and others are served.
 */
import { readFile } from 'node:fs/promises';
import { startCanary } from '../canary.ts';
import { startService } from '../service.ts';
import { bodies, type Form, sendOverGrpc, sendOverWeb } from './attack.ts';

interface BombsReport {
  readonly faults: string[];
  /** What was counted, in one line. */
  readonly said: string;
}

const MiB = 1024 * 1024;
/** By so many bytes the memory of the service may grow: the room for what is inflated, twice, and for the garbage. */
const grownBytesMax = 320 * MiB;
const atOnce = 90;
const forms = Object.keys(bodies) as Form[];

/** @param seconds how long bombs are sent. */
export async function sendBombs(seconds: number): Promise<BombsReport> {
  await using service = await startService('bombs');
  const before = await residentBytes(service.pid);
  let most = before;
  const watching = setInterval(() => {
    void residentBytes(service.pid).then((bytes) => {
      most = Math.max(most, bytes);
    });
  }, 100);
  using other = await startCanary(`http://${service.http}`, service.key);
  const counts: Record<string, number> = {};
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end)
    for (const form of forms)
      for (const send of [sendOverGrpc, sendOverWeb])
        for (const [status, count] of Object.entries(await send(service, form, atOnce)))
          counts[status] = (counts[status] ?? 0) + count;
  clearInterval(watching);
  const { calls, failures, p99 } = await other.end();
  const grown = most - before;
  return {
    faults: [
      ...(calls === 0 ? ['nobody else was served'] : []),
      ...failures.slice(0, 3).map((failure) => `another client was failed: ${failure}`),
      ...(grown > grownBytesMax ? [`memory grew by ${Math.round(grown / MiB)} MiB`] : []),
    ],
    said: `statuses ${JSON.stringify(counts)}, memory +${Math.round(grown / MiB)} MiB, ${calls} calls of another client, p99 ${p99} ms`,
  };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
