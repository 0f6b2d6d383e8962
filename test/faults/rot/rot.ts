/**
 * Rot: one bit flipped at a seeded place in any file of a store. Whoever reads then gets the right bytes, an error that
 * says so, or finds the store in recovery: never wrong bytes, and never an answer as if something were not there.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { failedWith } from '../../../src/domain/errors.ts';
import { parseArtifactName, parseSessionId } from '../../../src/domain/names.ts';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { type Embedded, openEmbedded } from '../../../src/programs/data-directory.ts';
import { copyDirectory, removeDirectory } from '../../support/directories.ts';
import { queryOf, specOf, target, tester } from '../../support/specs.ts';
import { bytesOf, Chance } from '../seeded.ts';

/** What a flip came to. */
type Verdict = 'recovery' | 'refused' | 'harmless';

interface RotReport {
  readonly faults: string[];
  /** By the kind of file. */
  readonly verdicts: Map<string, Map<Verdict, number>>;
}

interface Expected {
  readonly name: string;
  readonly sha256: string;
}

const session = parseSessionId('session', 'rotten');
const options = {
  artifactBytesMax: 2 ** 30,
  inlineBytesMax: 4_096,
  reserveBytes: 0,
  warn: () => undefined,
};

/** A store with contents in files and in rows, rows in tables and in the log. */
async function makeStore(dataDir: string): Promise<Expected[]> {
  const expected: Expected[] = [];
  for (const part of [0, 1, 2]) {
    const { host, close } = await openEmbedded({ ...options, dataDir });
    for (let at = part * 20; at < (part + 1) * 20; at++) {
      const bytes = bytesOf(at + 1, at % 4 === 0 ? 30_000 + at : 200 + at * 30);
      const name = `file-${at}`;
      await host.store.uploads.create(tester, specOf({ session, name, metadata: { at: String(at) } }), bytes);
      expected.push({ name, sha256: createHash('sha256').update(bytes).digest('hex') });
    }
    await close();
  }
  return expected;
}

/** What LevelDB only writes for people, and what is made anew at every start. */
const ignored = /(^|\/)(LOG(\.old)?|LOCK)$|^lock\/|^run\/|^index\/ballast(-\d)?$/;

async function filesOf(dataDir: string): Promise<string[]> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dataDir, join(entry.parentPath, entry.name)))
    .filter((name) => !ignored.test(name))
    .sort();
}

/**
 * The tables that LevelDB removes when it opens the store: a compaction leaves those it has read where somebody still
 * reads them, and nothing is ever read from them again.
 */
async function obsoleteTables(sound: string, copy: string): Promise<Set<string>> {
  copyDirectory(sound, copy);
  await (await openLevelDatabase(join(copy, 'index'))).close();
  const left = new Set(await filesOf(copy));
  removeDirectory(copy);
  return new Set((await filesOf(sound)).filter((file) => kindOf(file) === 'tables' && !left.has(file)));
}

function kindOf(file: string): string {
  if (file.startsWith('blobs/')) return 'contents';
  if (file.endsWith('.ldb')) return 'tables';
  if (file.endsWith('.log')) return 'log';
  return file.startsWith('index/MANIFEST') ? 'manifest' : file;
}

/** Flips so many bits, each in a copy of its own of one store; the same ones for the same seed. */
export async function flipBits(flips: number, seed: number): Promise<RotReport> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-rot-'));
  const report: RotReport = { faults: [], verdicts: new Map() };
  try {
    const expected = await makeStore(join(home, 'sound'));
    const obsolete = await obsoleteTables(join(home, 'sound'), join(home, 'copy'));
    const files = (await filesOf(join(home, 'sound'))).filter((file) => !obsolete.has(file));
    const kinds = [...new Set(files.map(kindOf))];
    const chance = new Chance(seed);
    for (let flip = 0; flip < flips; flip++) {
      // Each kind as often as the others, whatever its size.
      const kind = kinds[flip % kinds.length]!;
      const file = chance.pick(files.filter((name) => kindOf(name) === kind));
      const dataDir = join(home, 'rotten');
      removeDirectory(dataDir);
      copyDirectory(join(home, 'sound'), dataDir);
      const bytes = await readFile(join(dataDir, file));
      const at = chance.between(0, bytes.length - 1);
      const bit = chance.between(0, 7);
      bytes[at]! ^= 1 << bit;
      await writeFile(join(dataDir, file), bytes);
      const verdict = await judge(dataDir, expected, (fault) =>
        report.faults.push(`bit ${bit} of byte ${at} of ${file}: ${fault}`),
      );
      const counts = report.verdicts.get(kind) ?? new Map<Verdict, number>();
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
      report.verdicts.set(kind, counts);
    }
    return report;
  } finally {
    removeDirectory(home);
  }
}

async function judge(
  dataDir: string,
  expected: readonly Expected[],
  fault: (text: string) => void,
): Promise<Verdict> {
  const opened = await openEmbedded({ ...options, dataDir }).catch((error: unknown) => {
    if (!failedWith(error, 'DATA_LOSS')) fault(`the store does not open: ${String(error)}`);
    return undefined;
  });
  if (opened === undefined) return 'refused';
  try {
    if (opened.host.damage !== undefined) return 'recovery';
    return await readBack(opened, expected, fault);
  } finally {
    await opened.close();
  }
}

async function readBack(
  { host }: Embedded,
  expected: readonly Expected[],
  fault: (text: string) => void,
): Promise<Verdict> {
  let refused = 0;
  /** True if it went as it should; counts what was refused for damage. */
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (failedWith(error, 'DATA_LOSS', 'STORE_IN_RECOVERY')) refused++;
      else fault(`${what}: ${String(error)}`);
    }
  };
  for (const { name, sha256 } of expected) {
    await attempt(`reading ${name}`, async () => {
      const whole = { offset: 0, limit: undefined };
      const { bytes } = await host.store.downloads.artifact(tester, target(session, name), whole);
      const hash = createHash('sha256');
      for await (const piece of bytes) hash.update(piece);
      if (hash.digest('hex') !== sha256) fault(`${name} has other bytes`);
    });
  }
  await attempt('listing', async () => {
    let found = 0;
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const query = queryOf(session, pageToken === '' ? {} : { pageToken });
      const page: Awaited<ReturnType<typeof host.store.listing.artifacts>> =
        await host.store.listing.artifacts(tester, query);
      found += page.items.length;
      pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
    }
    if (found !== expected.length) fault(`${found} of ${expected.length} are listed`);
  });
  // A version that is used again would show that a head was not found.
  await attempt('pushing', async () => {
    const name = parseArtifactName('name', expected[1]!.name);
    const { artifact } = await host.store.uploads.create(
      tester,
      specOf({ session, name }),
      Buffer.from('next'),
    );
    if (artifact.version !== 2) fault(`the next version is ${artifact.version}`);
  });
  return refused === 0 ? 'harmless' : 'refused';
}
