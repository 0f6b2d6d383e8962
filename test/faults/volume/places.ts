/** The places to which a service ships its index, seen from outside; and the volumes that it loses. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { decodeSegment } from '../../../src/store/custody/segments.ts';
import { removeDirectory } from '../../support/directories.ts';
import type { VolumeChildOptions } from './service-child.ts';

/** The place of one store. */
export interface Place extends AsyncDisposable {
  /** As `import --from` takes it. */
  readonly name: string;
  /** What a service must be told of it. */
  readonly options: Pick<VolumeChildOptions, 'dataDir' | 'blobs' | 'exportDir'>;
  /** The environment of a service, as arguments of `env`. */
  readonly environment: readonly string[];
  /** Whatever a loss of the volume takes is gone. */
  loseVolume(): void;
  /** Whole files, by name in ascending order, with the time when each was complete. */
  segments(): Promise<readonly Shipped[]>;
  exports(): Promise<readonly Shipped[]>;
}

interface Shipped {
  readonly bytes: Uint8Array;
  /** Milliseconds since the Unix epoch; not later than the answer that the service has got. */
  readonly time: number;
}

const prefix = 'store';

/** A bucket has the contents, and the index is shipped there: the whole volume is lost. */
export async function openBucketPlace(home: string): Promise<Place> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bucket-child.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [endpoint] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const at = `${endpoint}/storage/v1/b/bucket/o`;
  const dataDir = join(home, 'data');
  const list = async (directory: string): Promise<Shipped[]> => {
    const answer = await fetch(`${at}?prefix=${prefix}/${directory}/`);
    const { items = [] } = (await answer.json()) as { items?: { name: string; timeCreated: string }[] };
    return await Promise.all(
      items.map(async ({ name, timeCreated }) => {
        const read = await fetch(`${at}/${encodeURIComponent(name)}?alt=media`);
        return { bytes: new Uint8Array(await read.arrayBuffer()), time: Date.parse(timeCreated) };
      }),
    );
  };
  return {
    name: `gs://bucket/${prefix}`,
    options: { dataDir, blobs: { bucket: 'bucket', prefix } },
    environment: [`STORAGE_EMULATOR_HOST=${endpoint}`],
    loseVolume: () => removeDirectory(dataDir),
    segments: () => list('segments'),
    exports: () => list('exports'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

/** The contents are on a disk that stays, the index on one that is lost, and it is shipped to a directory. */
export async function openDirectoryPlace(home: string): Promise<Place> {
  const [dataDir, exportDir] = [join(home, 'data'), join(home, 'elsewhere')];
  const list = async (directory: string): Promise<Shipped[]> => {
    const path = join(exportDir, directory);
    const names = (await readdir(path).catch(() => [])).filter((name) => !name.startsWith('.')).sort();
    return await Promise.all(
      names.map(async (name) => ({
        bytes: await readFile(join(path, name)),
        time: (await stat(join(path, name))).mtimeMs,
      })),
    );
  };
  return {
    name: exportDir,
    options: { dataDir, exportDir },
    environment: [],
    loseVolume: () => {
      for (const name of ['index', 'index.mark', 'index.rebuild', 'run', 'lock', 'tmp'])
        removeDirectory(join(dataDir, name));
    },
    segments: () => list('segments'),
    exports: () => list('exports'),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/**
 * Returns a time up to which everything that was acknowledged must be there: a segment is begun after the one before it
 * was acknowledged by the place, and has all that was acknowledged to clients until then. So this is the time of the last
 * segment but one of the last chain that has an export. 0: nothing of a new chain must be there yet.
 *
 * @param known chains of services that died before.
 */
export async function shippedUntil(place: Place, known: ReadonlySet<string>): Promise<number> {
  const format = exportFormat('');
  const rooted = new Set<string>();
  for (const { bytes } of await place.exports()) {
    const chain = format.header(bytes.subarray(0, 1_024))?.chain;
    if (chain !== undefined && format.rows(bytes) !== undefined) rooted.add(chain);
  }
  const times: number[] = [];
  for (const { bytes, time } of await place.segments()) {
    const { chain } = decodeSegment('a segment', bytes);
    if (rooted.has(chain) && !known.has(chain)) times.push(time);
  }
  return times.sort((a, b) => a - b).at(-2) ?? 0;
}

/** Returns the chains that the place has. */
export async function chainsIn(place: Place): Promise<string[]> {
  const format = exportFormat('');
  const exports = (await place.exports()).map(({ bytes }) => format.header(bytes.subarray(0, 1_024))?.chain);
  const segments = (await place.segments()).map(({ bytes }) => decodeSegment('a segment', bytes).chain);
  return [...exports.filter((chain) => chain !== undefined), ...segments];
}
