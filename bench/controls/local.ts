/** Controls without a server: what the processor and the disk can do by themselves. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { MiB } from '../harness/content.ts';

/** A buffer of its own for each piece would measure the memory; one alone would stay in the nearest cache. */
function pieces(): Buffer[] {
  return Array.from({ length: 64 }, () => randomBytes(MiB));
}

/** What a control did. */
interface Pace {
  /** MB/s. */
  readonly rate: number;
  /** Processor seconds, user and system, for each gigabyte (10⁹). */
  readonly cpuPerGB: number;
}

/** H: SHA-256 over buffers of 1 MiB, in MB/s. */
export function hashRate(sizeBytes: number): number {
  return hashPace(sizeBytes).rate;
}

export function hashPace(sizeBytes: number): Pace {
  const buffers = pieces();
  const hash = createHash('sha256');
  return paceOf(sizeBytes, () => {
    for (let at = 0; at < sizeBytes / MiB; at++) hash.update(buffers[at % buffers.length]!);
    hash.digest();
  });
}

/** CRC-32 over buffers of 1 MiB, each by itself. */
export function crcPace(sizeBytes: number): Pace {
  const buffers = pieces();
  return paceOf(sizeBytes, () => {
    for (let at = 0; at < sizeBytes / MiB; at++) crc32(buffers[at % buffers.length]!);
  });
}

/**
 * Writes a file and deletes it, so that the memory which the next writer's pages go to has just been in use. Virtual
 * machines hand memory back to their host when it is free, and getting it again costs several times the write itself;
 * without this, whoever deletes what it wrote would win over whoever keeps it.
 */
export function heatPages(directory: string, sizeBytes: number): void {
  writeRate(directory, sizeBytes);
}

/** W: a new file, written one after another in pieces of 1 MiB, and one fsync at the end; in MB/s. */
export function writeRate(directory: string, sizeBytes: number): number {
  return writePace(directory, sizeBytes).rate;
}

export function writePace(directory: string, sizeBytes: number): Pace {
  const buffers = pieces();
  const path = join(directory, 'sequential');
  const file = openSync(path, 'wx');
  try {
    return paceOf(sizeBytes, () => {
      for (let at = 0; at < sizeBytes / MiB; at++) {
        const written = writeSync(file, buffers[at % buffers.length]!);
        if (written !== MiB) throw new Error('a write was short: is the disk full?');
      }
      fsyncSync(file);
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** F: 4 KiB appended and made durable with fdatasync, one after another; the milliseconds of each. */
export function appendMillis(directory: string, count: number): number[] {
  const bytes = randomBytes(4096);
  const path = join(directory, 'appended');
  const file = openSync(path, 'wx');
  try {
    return Array.from({ length: count }, () => {
      const startedMs = performance.now();
      writeSync(file, bytes);
      fdatasyncSync(file);
      return performance.now() - startedMs;
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

function paceOf(sizeBytes: number, work: () => void): Pace {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  work();
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { rate: sizeBytes / 1e6 / seconds, cpuPerGB: (user + system) / (sizeBytes / 1e3) };
}
