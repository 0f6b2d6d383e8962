/** Reaping as the sidecar does it, and what goes on beside it. */
import type { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../src/client/client.ts';
import { list, type pageSize } from './lists.ts';
import { createPath, smallFrames } from './pushes.ts';
import type { RawClient } from './raw-client.ts';

/** Reaps until nothing is due, or for so many seconds; collects nothing. */
export async function reapAll(
  dataDir: string,
  secondsMax = Number.POSITIVE_INFINITY,
): Promise<{ seconds: number; artifacts: number; sessions: number }> {
  await using client = await connect(`unix:${join(dataDir, 'run', 'sock')}`, { timeoutMs: 120_000 });
  const startedMs = performance.now();
  let artifacts = 0;
  let sessions = 0;
  for (;;) {
    const report = await client.maintenance.reapExpired();
    artifacts += report.artifacts;
    sessions += report.sessions;
    if (report.pauses.length > 0) throw new Error(`reaping waits: ${report.pauses[0]!.message}`);
    const seconds = (performance.now() - startedMs) / 1_000;
    if (!report.more || seconds >= secondsMax) return { seconds, artifacts, sessions };
  }
}

const inFlight = 64;

/** Sends all of them, as they are made. */
export async function sendAll(client: RawClient, path: string, frames: Iterable<Buffer>): Promise<void> {
  const rest = frames[Symbol.iterator]();
  const lane = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await client.unary(path, next.value);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

/** Pushes tiny artifacts into sessions that stay; they have expired when this resolves. */
export async function pushExpiring(client: RawClient, session: string, count: number): Promise<void> {
  const expireMs = Date.now() + Math.max(3_000, count * 1.2);
  await sendAll(client, createPath, smallFrames(session, count, { expireMs, perSession: 200 }));
  if (Date.now() > expireMs) throw new Error('the first have expired before the last were there');
  await delay(expireMs - Date.now() + 100);
}

/** Milliseconds of each call. */
export interface Beside {
  readonly pushes: number[];
  readonly queries: number[];
}

const everyMs = 20;

/** Pushes and queries at a steady rate until `isOver`, at least `atLeast` of each. What is behind schedule is done at once. */
export async function callBeside(
  client: RawClient,
  filter: string,
  atLeast: number,
  isOver: () => boolean,
): Promise<Beside> {
  const frames = smallFrames(`beside_${Math.random().toString(36).slice(2)}`, 50_000);
  const beside: Beside = { pushes: [], queries: [] };
  const startedMs = performance.now();
  for (let at = 0; at < atLeast || !isOver(); at++) {
    const waitMs = startedMs + at * everyMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const request = frames.next().value;
    if (request === undefined) break;
    const beganMs = performance.now();
    await client.unary(createPath, request);
    beside.pushes.push(performance.now() - beganMs);
    beside.queries.push((await list(client, { filter, pageSize: 100 satisfies typeof pageSize })).millis);
  }
  return beside;
}
