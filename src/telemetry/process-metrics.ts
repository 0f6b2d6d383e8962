/** Metrics of the process, with the names that dashboards for Node know. */
import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

/** The interval for measuring the delay of the event loop, in milliseconds. */
const resolutionMs = 20;

/** @returns a function that ends the measurements. */
export function observeProcess(meter: Meter): () => void {
  observeMemory(meter);
  observeTime(meter);
  meter
    .createObservableGauge('process_open_fds', { description: 'Open descriptors. Linux only.' })
    .addCallback(async (result) => {
      const count = await openDescriptors();
      if (count !== undefined) result.observe(count);
    });
  return observeEventLoop(meter);
}

function observeMemory(meter: Meter): void {
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const resident = gauge('process_resident_memory_bytes', 'Memory of the process that is in RAM.');
  const heapTotal = gauge('nodejs_heap_size_total_bytes', 'Size of the heap of V8.');
  const heapUsed = gauge('nodejs_heap_size_used_bytes', 'The used part of the heap of V8.');
  const external = gauge('nodejs_external_memory_bytes', 'Memory outside the heap that objects in it use.');
  meter.addBatchObservableCallback(
    (result) => {
      const usage = process.memoryUsage();
      result.observe(resident, usage.rss);
      result.observe(heapTotal, usage.heapTotal);
      result.observe(heapUsed, usage.heapUsed);
      result.observe(external, usage.external);
    },
    [resident, heapTotal, heapUsed, external],
  );
}

function observeTime(meter: Meter): void {
  meter
    .createObservableGauge('process_start_time_seconds', {
      description: 'When the process began, in Unix time.',
    })
    .addCallback((result) => result.observe(performance.timeOrigin / 1_000));
  meter
    .createObservableGauge('process_uptime_seconds', {
      description: 'How long the process has been running.',
    })
    .addCallback((result) => result.observe(process.uptime()));
  meter
    .createObservableCounter('process_cpu_seconds_total', { description: 'CPU time, user and system.' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
}

/** Returns undefined where the system has no such directory. One descriptor is that of the directory itself. */
async function openDescriptors(): Promise<number | undefined> {
  try {
    return (await readdir('/proc/self/fd')).length - 1;
  } catch {
    return undefined;
  }
}

function observeEventLoop(meter: Meter): () => void {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  // A timer that is punctual is measured at its own interval.
  const secondsOf = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3);
  const gauge = (name: string, what: string) =>
    meter.createObservableGauge(name, {
      description: `${what} of the event loop's delay since the last scrape.`,
    });
  const median = gauge('nodejs_eventloop_lag_p50_seconds', 'The median');
  const p99 = gauge('nodejs_eventloop_lag_p99_seconds', 'The 99th percentile');
  const max = gauge('nodejs_eventloop_lag_max_seconds', 'The longest');
  meter.addBatchObservableCallback(
    (result) => {
      result.observe(median, delays.count === 0 ? 0 : secondsOf(delays.percentile(50)));
      result.observe(p99, delays.count === 0 ? 0 : secondsOf(delays.percentile(99)));
      result.observe(max, delays.count === 0 ? 0 : secondsOf(delays.max));
      delays.reset();
    },
    [median, p99, max],
  );
  return () => delays.disable();
}
