import { createCipheriv } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { BlockCrcs, readPlan, verified } from '../../src/blobs/checksums.ts';
import { removeDirectory } from '../support/directories.ts';

/** `length` bytes without pattern; other bytes for another `seed`. */
export function content(length: number, seed = 1): Uint8Array {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** `bytes` cut into chunks of the given sizes, over and over; positive sizes. */
export function* chunksOf(bytes: Uint8Array, ...sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await all(pieces));
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Stages, writes and commits. */
export async function publish(
  blobs: BlobStore,
  name: string,
  bytes: Uint8Array,
  ...chunkSizes: readonly number[]
): Promise<void> {
  await using staged = await blobs.stage(name);
  for (const chunk of chunksOf(bytes, ...(chunkSizes.length > 0 ? chunkSizes : [1024 * 1024]))) {
    await staged.write(chunk);
  }
  await staged.commit();
}

export function crcsOf(bytes: Uint8Array): Uint8Array {
  const crcs = new BlockCrcs();
  crcs.update(bytes);
  return crcs.finish();
}

/** A checked read of a blob whose checksums all fit one row. */
export function readChecked(
  blobs: BlobStore,
  name: string,
  crcs: Uint8Array,
  wanted: { readonly sizeBytes: number; readonly offset: number; readonly length: number },
): AsyncGenerator<Uint8Array> {
  const plan = readPlan(wanted);
  return verified(blobs.read(name, plan.readOffset, plan.readLength), { plan, crcs });
}

/** A directory of its own, and how to remove it with all that is in it. */
export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'artifacta-blobs-'));
  return { path, [Symbol.asyncDispose]: async () => removeDirectory(path) };
}

/** The regular files below a directory, by paths relative to it. */
export async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1)).sort();
}

/** What this process has open below a directory. Linux only. */
export function openBelow(path: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ''; // closed since, as the one that listed the directory
      }
    })
    .filter((target) => target.startsWith(path));
}

/** Compares without listing every byte, which takes half a second a megabyte. */
export function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}
