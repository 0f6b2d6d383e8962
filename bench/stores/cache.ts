/** Stores that were built once and are kept: `<directory>/<size>-seed<N>-<version>/`. */
import { cpSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { keys } from '../../src/index/keys.ts';
import { signatureBytes } from '../../src/index/signature.ts';
import { formatVersion } from '../../src/store/format.ts';
import { StoreGenerator, type StoreSpec } from './generate.ts';
import { type Census, loadStore } from './load.ts';
import { shapeVersion } from './shape.ts';

/** Changes with what a store would hold: the shape that is drawn, the format of the rows, and which families there are. */
const codes = Object.values(keys).flatMap((group) => Object.values(group).map(({ code }) => code));
const version = `${shapeVersion}.${formatVersion}.${signatureBytes}.${crc32(codes.sort().join()).toString(16)}`;

export interface KeptStore {
  readonly spec: StoreSpec;
  /** Of this store; controls keep here what they make of it. */
  readonly directory: string;
  /** What `artifacta serve --data-dir` opens. Whoever writes to it works on a copy. */
  readonly dataDir: string;
  readonly census: Census;
}

/** Takes the store from `directory`, or builds it there. */
export async function keptStore(
  directory: string,
  spec: StoreSpec,
  say: (message: string) => void,
): Promise<KeptStore> {
  const own = join(directory, `${sizeName(spec.live)}-seed${spec.seed}-${version}`);
  const store = { spec, directory: own, dataDir: join(own, 'data') };
  const census = await readCensus(own);
  if (census !== undefined) return { ...store, census };
  const building = `${own}.building`;
  await rm(building, { recursive: true, force: true });
  await rm(own, { recursive: true, force: true });
  await mkdir(building, { recursive: true });
  const startedMs = performance.now();
  say(`building a store of ${sizeName(spec.live)} artifacts in ${own}`);
  const built = await loadStore(join(building, 'data'), new StoreGenerator(spec), say);
  await writeFile(join(building, 'census.json'), `${JSON.stringify(built, undefined, 2)}\n`);
  await rename(building, own);
  say(`${built.rows} rows were written in ${Math.round((performance.now() - startedMs) / 1_000)} s`);
  return { ...store, census: built };
}

async function readCensus(directory: string): Promise<Census | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, 'census.json'), 'utf8')) as Census;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Copies it for somebody who writes to it; what a service has left beside it, its socket's directory, is its own. */
export function copyStore({ dataDir }: KeptStore, to: string): void {
  cpSync(dataDir, to, { recursive: true, filter: (path) => path !== join(dataDir, 'run') });
}

/** `10k`, `1M`, or digits. */
export function sizeName(artifacts: number): string {
  if (artifacts % 1_000_000 === 0) return `${artifacts / 1_000_000}M`;
  if (artifacts % 1_000 === 0) return `${artifacts / 1_000}k`;
  return String(artifacts);
}

/** The reverse; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const parts = /^([1-9]\d{0,8})([kM]?)$/.exec(text);
  if (parts === null) return undefined;
  return Number(parts[1]) * { '': 1, k: 1_000, M: 1_000_000 }[parts[2] as '' | 'k' | 'M'];
}
