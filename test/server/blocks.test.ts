/**
 * The memory of a block serves one read after another. Whatever becomes of the answers around it, each caller gets the
 * bytes of its own content.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { byName, sha256, someBytes, upload } from '../support/calls.ts';
import { removeDirectory } from '../support/directories.ts';
import type { OpenService, Service } from '../support/service.ts';
import { openGrpcService, openSocketService } from './grpc/listeners.ts';
import { openHttpService } from './http/listeners.ts';

const contents = 12;
const rounds = 3;

async function opened(open: OpenService): Promise<Service> {
  const root = mkdtempSync(join(tmpdir(), 'artifacta-blocks-'));
  const service = await open({ blobs: await openDiskBlobs({ root }) });
  onTestFinished(async () => {
    await service[Symbol.asyncDispose]();
    removeDirectory(root);
  });
  return service;
}

/** Three blocks and a piece. */
function content(seed: number): Uint8Array {
  return someBytes(3 * 1024 * 1024 + seed, seed);
}

/** Returns the digest of a content; undefined after its first block if the caller gives up. */
async function digestOf({ artifacts }: Service, name: string, isGivenUp: boolean) {
  const hash = createHash('sha256');
  for await (const { part } of artifacts.downloadArtifact({ artifact: byName('s', name) })) {
    if (part.case !== 'chunk') continue;
    if (isGivenUp) return undefined;
    hash.update(part.value);
  }
  return hash.digest('hex');
}

it.each<[string, OpenService]>([
  ['gRPC', openGrpcService],
  ['gRPC on a Unix socket', openSocketService],
  ['Connect', openHttpService('Connect')],
  ['Connect with JSON', openHttpService('Connect with JSON')],
  ['gRPC-Web', openHttpService('gRPC-Web')],
])('many downloads at once, some given up, through %s', async (_name, open) => {
  const service = await opened(open);
  const seeds = Array.from({ length: contents }, (_, at) => at + 1);
  const digests = seeds.map((seed) => sha256(content(seed)));
  for (const seed of seeds) await upload(service, { session: 's', name: `n${seed}` }, content(seed));
  const isGivenUp = (seed: number) => seed % 3 === 0;
  const wanted = seeds.map((seed, at) => (isGivenUp(seed) ? undefined : digests[at]));
  for (let round = 0; round < rounds; round++) {
    const got = await Promise.all(seeds.map((seed) => digestOf(service, `n${seed}`, isGivenUp(seed))));
    expect(got).toEqual(wanted);
  }
});
