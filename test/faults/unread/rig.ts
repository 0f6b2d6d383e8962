/** A real service in a memory control group, asked by those who read nothing while somebody else goes on. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeDirectory } from '../../support/directories.ts';
import { startCanary } from '../canary.ts';
import type { Outcome } from '../outcome.ts';
import { attack, type Listener, nameOf, type Wanted } from './attack.ts';
import { makeMemoryGroup } from './memory-group.ts';
import { figuresOf, residentOf, type Service, startService } from './service.ts';

/** What the service may have, in MiB; without a control group, what it is limited to. */
const memoryMax = 1024;
/** What it may still have when nobody asks for anything any more, in MiB: most is the allocator's, to be used again. */
const leftMax = 768;
/** How long the room and the memory may take to come back, in seconds. */
const backSecondsMax = 45;
/** How long the memory must then stay below its bound. */
const staysLowMs = 10_000;

interface Case {
  readonly kind: Wanted['kind'];
  readonly connections: number;
  /** On each connection, over HTTP/2 and HTTP/1.1. */
  readonly streams: number;
  readonly ahead: number;
}

const cases: readonly Case[] = [
  { kind: 'contents', connections: 1, streams: 100, ahead: 16 },
  { kind: 'contents', connections: 100, streams: 100, ahead: 16 },
  { kind: 'contents', connections: 400, streams: 4, ahead: 4 },
  { kind: 'pages', connections: 1, streams: 100, ahead: 16 },
  { kind: 'pages', connections: 100, streams: 100, ahead: 16 },
  { kind: 'small pages', connections: 1, streams: 100, ahead: 16 },
  { kind: 'small pages', connections: 100, streams: 100, ahead: 16 },
  { kind: 'large requests', connections: 100, streams: 3, ahead: 3 },
  { kind: 'half requests', connections: 100, streams: 30, ahead: 1 },
  { kind: 'half requests', connections: 400, streams: 4, ahead: 1 },
];

async function suffer(
  service: Service,
  listener: Listener,
  { kind, connections, ...sent }: Case,
  ms: number,
) {
  const { pid, url, key } = service;
  // Node's own warning is about the certificate, which is made here.
  using good = await startCanary(url, key, { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
  // Operators alone may call on the socket, and they show nothing.
  const headers = listener.address.startsWith('/') ? {} : service.wanted.headers;
  const requests = listener.protocol === 'HTTP/1.1' ? sent.ahead : sent.streams;
  const begun = await attack(listener, { ...service.wanted, kind, headers }, connections, requests);
  let peak = 0;
  const until = performance.now() + ms;
  while (performance.now() < until && service.child.exitCode === null && service.child.signalCode === null) {
    peak = Math.max(peak, residentOf(pid) ?? 0);
    await delay(100);
  }
  const behaved = await good.end();
  const alive = begun.alive();
  begun.end();
  const name = `${nameOf(listener)}, ${kind}, ${connections} connections`;
  const isAlive = residentOf(pid) !== undefined;
  const faults = [
    ...(isAlive ? [] : ['the service was killed']),
    ...(peak > memoryMax ? [`${peak} MiB resident`] : []),
    ...(behaved.calls === 0 ? ['nobody else was served'] : []),
    ...behaved.failures.slice(0, 3).map((failure) => `another client was failed: ${failure}`),
  ];
  const others = `others: ${behaved.calls} times push, read and list, p50 ${behaved.p50} ms, p99 ${behaved.p99} ms`;
  return { name, faults, isAlive, said: `${others}; at most ${peak} MiB; ${alive} left open` };
}

/** Whether all room comes back, and the memory. */
async function comesBack(service: Service): Promise<{ faults: string[]; said: string }> {
  const beganMs = performance.now();
  const seconds = () => Math.round((performance.now() - beganMs) / 1_000);
  const metrics = ['artifacta_unsent_bytes', 'artifacta_waiting_answers'];
  for (;;) {
    const figure = await figuresOf(service);
    const left = metrics.map(figure);
    if (left.every((count) => count === 0)) break;
    if (seconds() > backSecondsMax)
      return { faults: [`${metrics.join(', ')}: ${left.join(', ')} left`], said: '' };
    await delay(500);
  }
  const back = `all room came back within ${seconds()} s`;
  // A process that is above the bound at any time in these ten seconds has not given its memory back yet.
  let largest = 0;
  let lowSinceMs: number | undefined;
  while (lowSinceMs === undefined || performance.now() - lowSinceMs < staysLowMs) {
    const resident = residentOf(service.pid) ?? 0;
    largest = Math.max(largest, resident);
    lowSinceMs = resident > leftMax ? undefined : (lowSinceMs ?? performance.now());
    if (lowSinceMs === undefined && seconds() > backSecondsMax)
      return {
        faults: [`${resident} MiB resident when nobody asked for anything for ${seconds()} s`],
        said: back,
      };
    await delay(500);
  }
  const left = residentOf(service.pid) ?? 0;
  return {
    faults: [],
    said: `${back}; ${largest} MiB were resident at most, and ${left} MiB ${seconds()} s later`,
  };
}

interface Suffered {
  readonly way: string;
  readonly isTls: boolean;
  readonly cases: readonly Case[];
  readonly listeners: (listener: Listener) => boolean;
}

/** Attacks on listeners of a service, one after another. */
async function* attackAll(
  { way, isTls, cases, listeners }: Suffered,
  seconds: number,
): AsyncGenerator<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-unread-'));
  const group = makeMemoryGroup(
    `artifacta-unread-${process.pid}-${way.replaceAll(/[^a-z]/gi, '-')}`,
    memoryMax,
  );
  const service = await startService(directory, isTls, group);
  try {
    for (const listener of service.listeners.filter(listeners))
      for (const one of cases) {
        const { isAlive, ...came } = await suffer(service, listener, one, seconds * 1_000);
        yield { ...came, name: `${way}: ${came.name}` };
        if (!isAlive) return;
      }
    yield { name: `after all, ${way}`, ...(await comesBack(service)) };
    const used =
      typeof group === 'string'
        ? `no memory control group, so nothing is killed: ${group}`
        : `of ${memoryMax} MiB ${group.peak()} were used`;
    yield { name: `memory, ${way}`, faults: [], said: used };
  } finally {
    await service[Symbol.asyncDispose]();
    if (typeof group !== 'string') group[Symbol.dispose]();
    removeDirectory(directory);
  }
}

/** Processes that take all the processor they get, one for each core. */
class Busy implements Disposable {
  private readonly children = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }),
  );

  [Symbol.dispose](): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

/** Connections that go while much waits on them, beside other work: streams of HTTP/2 then end in an unusual order. */
async function* attackBusy(seconds: number): AsyncGenerator<Outcome> {
  using _ = new Busy();
  const wanted = cases.filter(({ kind, connections }) => kind === 'contents' && connections === 400);
  const leaving = cases.filter(({ kind, connections }) => kind === 'small pages' && connections === 100);
  const large = cases.filter(({ kind }) => kind === 'large requests');
  const repeated = Array.from({ length: 4 }, () => [...leaving, ...large]).flat();
  const listeners = ({ address }: Listener) => address.startsWith('/');
  const way = 'beside a busy machine';
  yield* attackAll({ way, isTls: false, cases: [...wanted, ...repeated], listeners }, seconds);
}

/**
 * Every attack on every listener, in clear and over TLS, and some beside a busy machine. @param seconds of each.
 */
export async function* askAndNotRead(seconds: number): AsyncGenerator<Outcome> {
  const listeners = () => true;
  yield* attackAll({ way: 'in clear', isTls: false, cases, listeners }, seconds);
  yield* attackAll({ way: 'over TLS', isTls: true, cases, listeners }, seconds);
  yield* attackBusy(seconds * 2);
}
