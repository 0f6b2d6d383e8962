/** Looks at the files that a stopped server has left. */
import { join } from 'node:path';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { openLevelIndex } from '../../src/index/leveldb/leveldb.ts';
import { inconsistencies } from '../support/naive.ts';
import { type BucketPlace, openPlace } from './bucket/place.ts';

interface AtRest {
  /** Where the rows of the index, and the files, do not agree with each other. */
  readonly faults: readonly string[];
  /** Files that nothing names: uploads that a crash ended between their publication and their commit. */
  readonly orphans: number;
  /** Files whose names are condemned. */
  readonly condemned: number;
}

/** Nobody may have the directory open. */
export async function inspect(
  dataDir: string,
  indexDir = join(dataDir, 'index'),
  bucket?: BucketPlace,
): Promise<AtRest> {
  const warnings: string[] = [];
  await using index = await openLevelIndex({
    directory: indexDir,
    markPath: `${indexDir}.mark`,
    warn: (message) => warnings.push(message),
  });
  using place = bucket && (await openPlace(bucket));
  const blobs = place ?? (await openDiskBlobs({ root: dataDir }));
  const faults = await inconsistencies(index, blobs, { orphans: true, reaped: true }).catch(
    (error: unknown) => [`cannot be compared: ${String(error)}`],
  );
  return { faults: [...warnings, ...faults], ...(await countUnused(index, blobs)) };
}

async function countUnused(index: Index, blobs: BlobStore): Promise<Pick<AtRest, 'orphans' | 'condemned'>> {
  const count = { orphans: 0, condemned: 0 };
  for await (const namespaces of index.scan(keys.store.namespace.range())) {
    for (const [key, value] of namespaces) {
      const [ns] = keys.store.namespace.parse(key);
      const { internalId } = keys.store.namespace.decode(value);
      for await (const name of blobs.list(internalId)) {
        const row = await index.get(keys.blobs.physicalName.key(ns, name));
        if (row === undefined) count.orphans++;
        else if (keys.blobs.physicalName.decode(row).state === 'condemned') count.condemned++;
      }
    }
  }
  return count;
}
