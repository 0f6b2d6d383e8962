/** Pushing bytes that the store holds already: reading what it holds through its checksums ÷ writing a copy of one's own. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openDiskBlobs } from '../src/blobs/disk.ts';
import { parseArtifactName, parseNamespace, parseSessionId } from '../src/domain/names.ts';
import { localOperator, type Principal } from '../src/domain/principal.ts';
import { openLevelIndex } from '../src/index/leveldb/leveldb.ts';
import { Upload } from '../src/store/artifacts/uploads.ts';
import { openStore, type Store } from '../src/store/open.ts';
import { MiB } from './harness/content.ts';
import { interleaved } from './harness/rounds.ts';
import type { Context, Figure, Target } from './harness/target.ts';

/** Bytes that are held; the first are in the index, where they are compared or written again. */
const sizes: readonly (readonly [name: string, bytes: number, quick: number])[] = [
  ['4 kB', 4_000, 4_000],
  ['100 kB', 100_000, 100_000],
  ['9 MB', 9_000_000, 9_000_000],
  ['256 MB', 256_000_000, 32_000_000],
];

const reader = localOperator(parseNamespace('namespace', 'default'));
/** Whose pushes take no less time where the bytes are held: they write. */
const writer: Principal = { ...reader, operator: false, restriction: { namePrefix: '' } };

export const heal: Target = {
  name: 'heal',
  what: 'the end of a push of bytes that are held: read and joined ÷ written and put in their place',
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
  // The first is the one that is held; the others warm up.
  const again = (by: Principal) => push(store, by, `${size}/${pushed++}`, bytes);
  for (const by of [reader, writer, reader]) await again(by);
  context.say(name);
  const rounds = await interleaved(
    context,
    () => again(reader),
    () => again(writer),
  );
  const series = (label: string, unit: string, values: number[]) => ({ label, unit, values });
  const read = rounds.map(({ ours }) => ours);
  const written = rounds.map(({ control }) => control);
  return {
    id: `heal ${name}`,
    what: heal.what,
    result: series(
      'time, read ÷ written',
      '',
      read.map(({ wallMs }, at) => wallMs / written[at]!.wallMs),
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
      written.map(({ wallMs }) => wallMs),
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
        written.map(({ cpuMs }) => cpuMs),
      ),
    ],
    notes: [
      'from the last byte to the answer, in process; both have hashed and staged the bytes before the clock starts',
    ],
  };
}

/** Pushes, and measures from the last byte to the answer. */
async function push(store: Store, by: Principal, name: string, bytes: Uint8Array) {
  const begun = await store.uploads.begin(by, {
    session: parseSessionId('session', 's'),
    name: parseArtifactName('name', name),
    contentType: undefined,
    metadata: [],
    labels: [],
    inputs: [],
    expiry: undefined,
    requestId: undefined,
    newVersion: false,
    sizeBytes: undefined,
    sha256: undefined,
  });
  if (!(begun instanceof Upload)) throw new Error('the push was answered early');
  await using upload = begun;
  for (let at = 0; at < bytes.length; at += MiB) await upload.write(bytes.subarray(at, at + MiB));
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await upload.finish({ sizeBytes: bytes.length, sha256: undefined });
  const wallMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1_000 };
}
