/** Puts the sidecar together: a client of the service's socket, and passes of maintenance through it. */
import { sep } from 'node:path';
import { connect } from '../client/client.ts';
import { pause } from '../domain/timer.ts';
import { openAdminListener } from '../server/admin-listener.ts';
import { logFormOf } from '../settings/config.ts';
import type { ReapConfig } from '../settings/config-shapes.ts';
import { loop } from '../sidecar/loop.ts';
import { type PassReport, pass } from '../sidecar/pass.ts';
import { openLog } from '../telemetry/log.ts';
import type { ReaperMetrics } from '../telemetry/reaper-metrics.ts';
import { absentAsUndefined, requireRights } from './directory-rights.ts';
import { ReapLog } from './reap-log.ts';

/** The facts and events of the process. */
interface ReapSurroundings {
  /** The version of the software. */
  readonly version: string;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Resolves when the sidecar must stop. */
  readonly stopped: Promise<unknown>;
}

/** How long a call may take: much may be due. */
const callMs = 60_000;
const scrubBytesMax = 1024 ** 3;

/**
 * Resolves when it was asked to stop, or has made its one pass.
 *
 * @returns false if that one pass failed.
 * @throws ArtifactaError if the address of the service cannot be used; ListenError; Error if others may write to the
 * data directory.
 */
export async function reapUntilStopped(
  config: ReapConfig,
  { version, isTerminal, stopped }: ReapSurroundings,
): Promise<boolean> {
  const log = openLog(config.logLevel, logFormOf(config.logFormat, isTerminal));
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  await requireOwnSocket(config);
  const metrics = await metricsOf(config, version);
  await using client = await connect(`unix:${config.socket}`, {
    timeoutMs: callMs,
    // The passes themselves are repeated.
    retry: { attemptsMax: 1 },
  });
  await using listener =
    metrics &&
    (await openListener(config, metrics, (error) => log.error({ err: error }, 'unexpected error')));
  const told = new ReapLog(log, config.socket);
  const tell = (report: PassReport, durationMs: number, nextMs?: number) => {
    metrics?.passed(figuresOf(report, durationMs));
    told.passed(report, durationMs, nextMs);
  };
  const timed = async (scrubBytes: number) => {
    const start = performance.now();
    const report = await pass(client.maintenance, { scrubBytes, signal: stop.signal });
    return { report, durationMs: performance.now() - start };
  };
  if (config.once) {
    const { report, durationMs } = await timed(config.scrubBytesPerSecond > 0 ? scrubBytesMax : 0);
    tell(report, durationMs);
    return report.failures.length === 0;
  }
  log.info(
    {
      socket: config.socket,
      interval_s: config.intervalMs / 1_000,
      metrics: listener?.address ?? null,
      pid: process.pid,
    },
    'reaping',
  );
  let lastMs = 0;
  await loop({
    pass: async (sinceMs = config.intervalMs) => {
      const allowance = (config.scrubBytesPerSecond * sinceMs) / 1_000;
      const { report, durationMs } = await timed(Math.min(scrubBytesMax, Math.round(allowance)));
      lastMs = durationMs;
      return report;
    },
    intervalMs: config.intervalMs,
    random: Math.random,
    elapsed: () => performance.now(),
    now: Date.now,
    sleep: pause,
    signal: stop.signal,
    onPass: (report, nextMs) => tell(report, lastMs, nextMs),
  });
  log.info('stopped');
  return true;
}

/**
 * Requires a socket of this user's: in a directory that others may write to, any user could have put the socket there.
 * @throws Error
 */
async function requireOwnSocket({ dataDir, socket }: ReapConfig): Promise<void> {
  if (!socket.startsWith(`${dataDir}${sep}`)) return;
  await requireRights(dataDir).catch(absentAsUndefined);
}

async function metricsOf({ listen }: ReapConfig, version: string): Promise<ReaperMetrics | undefined> {
  if (listen === undefined) return undefined;
  const { openReaperMetrics } = await import('../telemetry/reaper-metrics.ts');
  return openReaperMetrics(version, () => Date.now() / 1_000);
}

async function openListener(
  { listen, httpHosts }: ReapConfig,
  metrics: ReaperMetrics,
  onError: (error: unknown) => void,
) {
  return await openAdminListener({
    address: listen!,
    hosts: httpHosts,
    readiness: { ready: true, phase: 'serving' },
    metrics: metrics.scrape,
    onUnexpectedError: onError,
  });
}

function figuresOf(report: PassReport, durationMs: number) {
  const { reaped, collected, scrubbed, exported, failures, pauses } = report;
  const { bytes: _logical, ...counted } = reaped;
  return {
    ...counted,
    ...collected,
    durationMs,
    failed: failures.map(({ what }) => what),
    pauses: pauses.length,
    scrubbedBytes: scrubbed.sizeBytes,
    damaged: scrubbed.damagedCount,
    exports: exported?.written ? 1 : 0,
  };
}
