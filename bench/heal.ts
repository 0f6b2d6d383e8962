/** Pushes of bytes that the store has: reading what it has through its checksums ÷ writing a copy of one's own. */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openDiskBlobs } from '../src/blobs/disk.ts';
import type { ArtifactSpec } from '../src/domain/artifact.ts';
import { sha256FromBytes } from '../src/domain/digest.ts';
import { type ArtifactName, parseArtifactName, parseNamespace, parseSessionId } from '../src/domain/names.ts';
import { localOperator, type Principal } from '../src/domain/principal.ts';
import { openLevelIndex } from '../src/index/leveldb/leveldb.ts';
import { Upload } from '../src/store/artifacts/upload.ts';
import { openStore, type Store } from '../src/store/open.ts';
import { MiB } from './harness/content.ts';
import { interleaved } from './harness/rounds.ts';
import type { Context, Figure, Target } from './harness/target.ts';

const sizes: readonly (readonly [name: string, bytes: number, quick: number])[] = [
  ['100 kB', 100_000, 100_000],
  ['9 MB', 9_000_000, 9_000_000],
  ['256 MB', 256_000_000, 32_000_000],
];

const owner = localOperator(parseNamespace('namespace', 'default'));
/** Whose pushes take no less time where the bytes are stored: they write. */
const writer: Principal = { ...owner, operator: false, restriction: { namePrefix: '' } };
const session = parseSessionId('session', 's');

export const heal: Target = {
  name: 'heal',
  what: 'the end of a push of bytes that are stored: read and joined ÷ written and put in their place',
  async measure(context) {
    const index = await openLevelIndex({
      directory: join(context.directory, 'index'),
      markPath: join(context.directory, 'mark'),
    });
    const blobs = await openDiskBlobs({ root: context.directory });
    await using store = await openStore({ index, blobs });
    const figures: Figure[] = [];
    for (const [name, usual, quick] of sizes)
      figures.push(await measure(context, store, name, context.quick ? quick : usual));
    return figures;
  },
};

async function measure(context: Context, store: Store, name: string, size: number): Promise<Figure> {
  const bytes = randomBytes(size);
  let pushed = 0;
  const next = () => parseArtifactName('name', `${size}/${pushed++}`);
  const written = () => push(store, next(), bytes);
  const joined = () => take(store, next(), bytes);
  // The first is the one that is stored; the others warm up.
  for (const again of [written, joined, written]) await again();
  context.say(name);
  const rounds = await interleaved(context, joined, written);
  const series = (label: string, unit: string, values: number[]) => ({ label, unit, values });
  const read = rounds.map(({ ours }) => ours);
  const wrote = rounds.map(({ control }) => control);
  return {
    id: `heal ${name}`,
    what: heal.what,
    result: series(
      'time, read ÷ written',
      '',
      read.map(({ wallMs }, at) => wallMs / wrote[at]!.wallMs),
    ),
    requirement: { bound: 'at most', value: 1 },
    ours: series(
      'read',
      'ms',
      read.map(({ wallMs }) => wallMs),
    ),
    control: series(
      'written',
      'ms',
      wrote.map(({ wallMs }) => wallMs),
    ),
    serverCpu: series(
      'read',
      'CPU-ms',
      read.map(({ cpuMs }) => cpuMs),
    ),
    others: [
      series(
        'processor time of writing',
        'CPU-ms',
        wrote.map(({ cpuMs }) => cpuMs),
      ),
    ],
    notes: [
      'from the last byte to the answer, in process; both have hashed and staged the bytes before the clock starts',
    ],
  };
}

/** Reads what is stored and takes it by its digest. */
async function take(store: Store, name: ArtifactName, bytes: Uint8Array): Promise<Cost> {
  const sha256 = sha256FromBytes(createHash('sha256').update(bytes).digest());
  return await costOf(async () => {
    const stored = { session, name: parseArtifactName('name', `${bytes.length}/0`) };
    const download = await store.downloads.artifact(owner, stored, { offset: 0, limit: undefined });
    for await (const _piece of download.bytes);
    await store.uploads.createByDigest(owner, specOf(name), { sha256, sizeBytes: bytes.length });
  });
}

/** Pushes: what is measured is the end, when all bytes have been hashed and staged. */
async function push(store: Store, name: ArtifactName, bytes: Uint8Array): Promise<Cost> {
  const begun = await store.uploads.begin(writer, specOf(name));
  if (!(begun instanceof Upload)) throw new Error('the push was answered early');
  await using upload = begun;
  for (let at = 0; at < bytes.length; at += MiB) await upload.write(bytes.subarray(at, at + MiB));
  return await costOf(() => upload.finish({ sizeBytes: bytes.length, sha256: undefined }));
}

function specOf(name: ArtifactName): ArtifactSpec {
  const unsaid = { contentType: undefined, expiry: undefined, requestId: undefined, newVersion: false };
  return {
    ...unsaid,
    session,
    name,
    metadata: [],
    labels: [],
    inputs: [],
    sizeBytes: undefined,
    sha256: undefined,
  };
}

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs: performance.now() - startMs, cpuMs: (user + system) / 1_000 };
}
