/** Pushes to ours and to peers, by one load generator, with what they cost the server. */
import { createPath, inLanes, type Push, pushes, pushFrame } from '../harness/pushes.ts';
import type { RawClient } from '../harness/raw-client.ts';
import type { Series } from '../harness/target.ts';
import { put, putFrame } from './etcd.ts';
import type { Schema, Statement } from './schemas.ts';

/** What is durable and hashed in a push of ours, for the notes of a figure. */
export const ourPromises =
  'ours: a push is answered when record, lists and content are in a synced log with group commit; the digest is computed and compared, each row has a CRC';

/** How a system takes a push. */
export interface Taker {
  readonly server: { cpuSeconds(): number };
  /** What is sent, made before the clock starts. @returns the call that sends it. */
  prepare(push: Push): () => Promise<unknown>;
}

/** A turn of one system. */
export interface Turn {
  /** Pushes a second. */
  readonly rate: number;
  /** Processor time of the server for a push, in milliseconds. */
  readonly cpuMs: number;
  /** The milliseconds that each push took. */
  readonly millis: readonly number[];
}

export function ours(server: Taker['server'], client: RawClient): Taker {
  return {
    server,
    prepare: (push) => {
      const request = pushFrame(push);
      return () => client.unary(createPath, request);
    },
  };
}

export function etcd(server: Taker['server'], client: RawClient): Taker {
  return {
    server,
    prepare: (push) => {
      const request = putFrame(push);
      return () => put(client, request);
    },
  };
}

/** `query` sends a statement on a connection that is free. */
export function postgres(
  server: Taker['server'],
  query: (statement: Statement) => Promise<unknown>,
  schema: Schema,
): Taker {
  return {
    server,
    prepare: (push) => {
      const statement = schema.insert(push);
      return () => query(statement);
    },
  };
}

/** So many pushes, so many at a time. */
export async function pushTurn(
  { server, prepare }: Taker,
  { count, inFlight }: { readonly count: number; readonly inFlight: number },
): Promise<Turn> {
  const calls = pushes(count).map(prepare).toArray();
  const millis: number[] = [];
  const cpuBefore = server.cpuSeconds();
  const seconds = await inLanes(calls, inFlight, async (call) => {
    millis.push(await timed(call));
  });
  const cpu = server.cpuSeconds() - cpuBefore;
  return { rate: count / seconds, cpuMs: (cpu / count) * 1_000, millis };
}

/** Pushes until so many seconds have passed, so many at a time. What is sent is made between the calls. */
export async function pushFor(
  { server, prepare }: Taker,
  { seconds, inFlight }: { readonly seconds: number; readonly inFlight: number },
): Promise<Turn> {
  const endless = pushes();
  const millis: number[] = [];
  const cpuBefore = server.cpuSeconds();
  const startedMs = performance.now();
  const lane = async () => {
    while (performance.now() - startedMs < seconds * 1_000)
      millis.push(await timed(prepare(endless.next().value!)));
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const took = (performance.now() - startedMs) / 1_000;
  const cpu = server.cpuSeconds() - cpuBefore;
  return { rate: millis.length / took, cpuMs: (cpu / millis.length) * 1_000, millis };
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await call();
  return performance.now() - startedMs;
}

export function rates(label: string, turns: readonly Turn[]): Series {
  return { label, unit: '/s', values: turns.map(({ rate }) => rate) };
}

export function cpuTimes(label: string, turns: readonly Turn[]): Series {
  return { label, unit: 'CPU-ms/push', values: turns.map(({ cpuMs }) => cpuMs) };
}
