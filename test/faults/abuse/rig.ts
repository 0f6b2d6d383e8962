/** A real service with authentication, abused while a well-behaved client goes on, and what both come to. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import { type Service, startService } from '../service.ts';
import { type Abuse, abuses } from './abuses.ts';

/** What one abuse came to. */
interface AbuseReport {
  readonly name: string;
  readonly told: string;
  /** Milliseconds of a push and a read of it, for the client that behaves. */
  readonly p50: number;
  readonly p99: number;
  readonly calls: number;
  readonly failures: readonly string[];
  /** Of the service, in MiB. */
  readonly rssBefore: number;
  readonly rssPeak: number;
  readonly rssAfter: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  readonly stagedAfter: number;
}

function rssOf(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kibibytes) / 1024);
}

/** Connections of others come and go. */
const descriptorsMore = 20;
const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
const stagedIn = (dataDir: string) => readdirSync(join(dataDir, 'tmp')).length;

/** Pushes and reads back until told to stop. */
async function behave(client: ArtifactaClient, until: () => boolean) {
  const times: number[] = [];
  const failures: string[] = [];
  for (let at = 0; !until(); at++) {
    const began = performance.now();
    try {
      const { artifact } = await client.push(`content ${at} ${began}`, {
        session: 'good',
        name: `n${at % 10}`,
      });
      await client.get(artifact.id);
    } catch (error) {
      failures.push(String(error));
    }
    times.push(performance.now() - began);
    await delay(20);
  }
  times.sort((a, b) => a - b);
  const quantile = (part: number) => Math.round((times[Math.floor(times.length * part)] ?? 0) * 10) / 10;
  return { p50: quantile(0.5), p99: quantile(0.99), calls: times.length, failures };
}

async function suffer(
  service: Service,
  client: ArtifactaClient,
  abuse: Abuse,
  seconds: number,
): Promise<AbuseReport> {
  const { pid, dataDir } = service;
  const rssBefore = rssOf(pid);
  const descriptorsBefore = descriptorsOf(pid);
  let rssPeak = rssBefore;
  const watch = setInterval(() => {
    rssPeak = Math.max(rssPeak, rssOf(pid));
  }, 100);
  const { end, told } = await abuse.begin(service);
  const endMs = performance.now() + seconds * 1_000;
  const behaved = await behave(client, () => performance.now() > endMs);
  const said = told();
  end();
  // The service notices closed connections when it comes to them, also some that it has yet to accept, and what it had
  // staged for them goes. It is quiet when nothing is left for a second.
  const isLeft = () => stagedIn(dataDir) > 0 || descriptorsOf(pid) > descriptorsBefore + descriptorsMore;
  for (let at = 0, quiet = 0; at < 1_200 && quiet < 20; at++) {
    await delay(50);
    quiet = isLeft() ? 0 : quiet + 1;
  }
  clearInterval(watch);
  return {
    name: abuse.name,
    told: said,
    ...behaved,
    rssBefore,
    rssPeak,
    rssAfter: rssOf(pid),
    descriptorsBefore,
    descriptorsAfter: descriptorsOf(pid),
    stagedAfter: stagedIn(dataDir),
  };
}

/** Every abuse after another on one service; the first report is of an idle one. @param share of the usual times. */
export async function abuseAll(share = 1): Promise<AbuseReport[]> {
  await using service = await startService('abuse', ['--log-level', 'info']);
  await using client = await connect(`grpc://${service.grpc}`, { token: service.key });
  const nothing: Abuse = {
    name: 'nothing',
    seconds: 5,
    begin: async () => ({ end: () => undefined, told: () => 'an idle service' }),
  };
  const reports: AbuseReport[] = [];
  for (const abuse of [nothing, ...abuses])
    reports.push(await suffer(service, client, abuse, abuse.seconds * share));
  return reports;
}

/** So much resident memory the service may ever have, whatever was done to it before, in MiB. */
const rssMax = 640;

/** What is not as it should be. */
export function faultsOf(report: AbuseReport): string[] {
  const { name, failures, calls, rssBefore, rssPeak, descriptorsBefore, descriptorsAfter, stagedAfter } =
    report;
  return [
    ...(calls === 0 ? [`${name}: nobody else was served`] : []),
    ...failures.slice(0, 3).map((failure) => `${name}: another client was failed: ${failure}`),
    ...(rssPeak > rssMax ? [`${name}: memory grew from ${rssBefore} to ${rssPeak} MiB`] : []),
    ...(descriptorsAfter > descriptorsBefore + descriptorsMore
      ? [`${name}: descriptors grew from ${descriptorsBefore} to ${descriptorsAfter}`]
      : []),
    ...(stagedAfter > 0 ? [`${name}: ${stagedAfter} staging files are left`] : []),
  ];
}

/** For people. */
export function lineOf(report: AbuseReport): string {
  const { name, told, p50, p99, calls, rssBefore, rssPeak, rssAfter, descriptorsAfter } = report;
  const others = `others: ${calls} pushes and reads, p50 ${p50} ms, p99 ${p99} ms`;
  const memory = `memory ${rssBefore}, at most ${rssPeak}, then ${rssAfter} MiB`;
  return `${name}: ${told}; ${others}; ${memory}; ${descriptorsAfter} descriptors`;
}
