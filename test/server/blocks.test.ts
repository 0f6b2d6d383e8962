/**
 * The memory of a block serves one read after another. Whatever becomes of the answers around it, each caller gets the
 * bytes of its own content.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { byName, refusal, sha256, someBytes, upload } from '../support/calls.ts';
import { removeDirectory } from '../support/directories.ts';
import type { OpenService, Service } from '../support/service.ts';
import { openGrpcService, openSocketService } from './grpc/listeners.ts';
import { openHttpService } from './http/listeners.ts';

const contents = 12;
const rounds = 3;

const listeners: readonly [string, OpenService][] = [
  ['gRPC', openGrpcService],
  ['gRPC on a Unix socket', openSocketService],
  ['Connect', openHttpService('Connect')],
  ['Connect with JSON', openHttpService('Connect with JSON')],
  ['gRPC-Web', openHttpService('gRPC-Web')],
];

async function opened(open: OpenService): Promise<Service & { readonly root: string }> {
  const root = mkdtempSync(join(tmpdir(), 'artifacta-blocks-'));
  const service = await open({ blobs: await openDiskBlobs({ root }) });
  onTestFinished(async () => {
    await service[Symbol.asyncDispose]();
    removeDirectory(root);
  });
  return { ...service, root };
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

it.each(listeners)('many downloads at once, some given up, through %s', async (_name, open) => {
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

/** When a file was written, in nanoseconds. */
function writtenNs(path: string): bigint {
  return statSync(path, { bigint: true }).mtimeNs;
}

/** Changes the byte at `position` of the content that was written last. Healed ones leave files behind for a while. */
function damage(root: string, position: number): void {
  const file = readdirSync(join(root, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((one, other) => Number(writtenNs(one) - writtenNs(other)))
    .at(-1);
  const bytes = readFileSync(file!);
  bytes[position]! ^= 1;
  writeFileSync(file!, bytes);
}

it.each(listeners)(
  'damage is recorded in whichever block a read meets it, through %s',
  async (_name, open) => {
    const service = await opened(open);
    const bytes = content(1);
    await upload(service, { session: 's', name: 'n1' }, bytes);
    const spec = { session: 's', name: 'n2' };
    const digest = { sha256: sha256(bytes), sizeBytes: BigInt(bytes.length) };
    const byDigest = () =>
      service.artifacts.createArtifact({ spec, content: { case: 'digest', value: digest } });
    // The whole blocks, and the piece that ends the content.
    for (const block of [0, 1, 2, 3]) {
      damage(service.root, block * 1024 * 1024);
      expect((await refusal(digestOf(service, 'n1', false))).reason).toBe('DATA_LOSS');
      expect((await refusal(byDigest())).reason).toBe('CONTENT_NOT_FOUND');
      const healed = await upload(service, { ...spec, name: `again-${block}` }, bytes);
      expect(healed.artifact?.sha256).toBe(digest.sha256);
      expect(await digestOf(service, 'n1', false)).toBe(digest.sha256);
    }
  },
);
