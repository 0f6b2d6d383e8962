/**
 * Shows that the rigs can fail: plants one fault at a time in a copy of the source and runs a rig on it, which
 * must find something. Then runs it on a copy as it is, which must be clean.
 *
 *     node test/faults/controls.ts [name…]
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const copied = ['src', 'gen', 'test', 'bin', 'package.json'];
const runMsMax = 300_000;

interface Plant {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** What is to find it. Default: the kills. */
  readonly rig?: 'power' | 'deletion';
}

const plants: readonly Plant[] = [
  {
    name: 'answers-before-the-batch-is-durable',
    file: 'src/index/engine/engine.ts',
    from: 'else newest.wait({ settle, abandon: (failure) => waiting.reject(failure) });',
    to: 'else settle();',
  },
  {
    name: 'answers-duplicates-and-refusals-before-what-they-read-is-durable',
    file: 'src/index/engine/engine.ts',
    from: 'if (newest === undefined) settle();',
    to: 'if (newest === undefined || !wrote) settle();',
  },
  {
    name: 'commits-while-the-file-is-still-being-published',
    file: 'src/store/contents/content-writer.ts',
    from: 'await this.staged!.commit();',
    to: 'void this.staged!.commit();',
  },
  {
    name: 'writes-a-transaction-in-two-batches',
    file: 'src/index/leveldb/leveldb.ts',
    from: 'batch: (writes) => level.batch(writes as Write[], { sync: true }),',
    to: `batch: async (writes) => {
      const half = writes.length >> 1;
      await level.batch(writes.slice(0, half) as Write[], { sync: true });
      await level.batch(writes.slice(half) as Write[], { sync: true });
    },`,
  },
  {
    name: 'power: never-syncs-the-log-of-the-index',
    rig: 'power',
    file: 'src/index/leveldb/leveldb.ts',
    from: '{ sync: true }',
    to: '{ sync: false }',
  },
  {
    name: 'power: never-syncs-the-file',
    rig: 'power',
    file: 'src/blobs/staged-file.ts',
    from: 'await this.file.sync();',
    to: '',
  },
  {
    name: 'power: never-syncs-the-directory-of-the-file',
    rig: 'power',
    file: 'src/blobs/staged-file.ts',
    from: 'await syncDirectory(dirname(finalPath));',
    to: 'void syncDirectory;',
  },
  {
    name: 'never-names-the-file',
    file: 'src/blobs/staged-file.ts',
    from: 'await link(stagingPath, finalPath);',
    to: 'void link;',
  },
  {
    name: 'reuses-the-version-of-a-deleted-latest',
    file: 'src/store/artifacts/artifact-changes.ts',
    from: '{ ...head, deleted: true, ...reaped }',
    to: '{ ...head, nextVersion: record.version, deleted: true, ...reaped }',
  },
  {
    name: 'forgets-request-ids',
    file: 'src/store/artifacts/commit.ts',
    from: 'if (spec.requestId === undefined) return;',
    to: 'return;',
  },
  {
    name: 'leaves-staging-files-at-the-start',
    file: 'src/store/open.ts',
    from: 'await blobs.removeStale()',
    to: '0',
  },
  {
    name: 'leaves-seals-pending-at-the-start',
    file: 'src/store/open.ts',
    from: 'await seals.finishPending()',
    to: '0',
  },
  {
    name: 'deletes-without-counting-the-reference',
    file: 'src/store/artifacts/artifact-changes.ts',
    from: "  detach(rows, draft, ns, record.sha256, { kind: 'artifact', id: record.id }, env.now);\n",
    to: '  void detach;\n',
  },
  {
    name: 'deletion: condemns-what-was-free-when-it-was-looked-at',
    rig: 'deletion',
    file: 'src/store/upkeep/condemning.ts',
    from: 'const isIdle = record?.refs === 0 && (record.idleSince ?? time) <= time;',
    to: 'const isIdle = seen !== undefined;',
  },
  {
    name: 'deletion: refers-to-bytes-that-have-vanished',
    rig: 'deletion',
    file: 'src/store/rows/blob-rows.ts',
    from: 'if (content.publishTime === undefined) throw new ContentVanished();',
    to: '',
  },
  {
    name: 'deletion: never-looks-for-orphans',
    rig: 'deletion',
    file: 'src/store/upkeep/orphans.ts',
    from: 'if (ageMs >= orphanAgeMs)',
    to: 'if (ageMs < 0)',
  },
];

/** What the second plant needs in the same file. */
const wroteFlag = {
  from: '    let settle: () => void;\n',
  to: '    let settle: () => void;\n    let wrote = false;\n',
  mark: 'this.gathering.add(outcome.writes, outcome.bytes);',
  marked: 'this.gathering.add(outcome.writes, outcome.bytes);\n      wrote = outcome.writes.length > 0;',
};

async function copyWith(plant: Plant | undefined, home: string): Promise<void> {
  for (const path of copied) await cp(join(root, path), join(home, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(home, 'node_modules'));
  if (plant === undefined) return;
  const path = join(home, plant.file);
  let text = replaceOnce(await readFile(path, 'utf8'), plant.from, plant.to);
  if (plant.to.includes('wrote')) {
    text = replaceOnce(text, wroteFlag.from, wroteFlag.to);
    text = replaceOnce(text, wroteFlag.mark, wroteFlag.marked);
  }
  await writeFile(path, text);
}

/** @throws Error if the text is not there once: the plants are then to be adapted. */
function replaceOnce(text: string, from: string, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`occurs not once: ${from}`);
  return text.replace(from, () => to);
}

const killArgs = ['--failpoints', '--kills', '25'];
/** Where the index is on the same file system its syncs make the rest durable, too. */
const powerArgs = ['--power', '--cuts', '12', '--layout', 'split'];

const argsOf = { kills: killArgs, power: powerArgs, deletion: ['--deletion', '--actions', '3000'] } as const;

/** What the rig said first of a copy; undefined if it found nothing. */
async function firstFault(plant: Plant | undefined): Promise<string | undefined> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-control-'));
  try {
    await copyWith(plant, home);
    const what = argsOf[plant?.rig ?? 'kills'];
    const args = ['test/faults/main.ts', ...what, '--seed', '7'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: home,
      encoding: 'utf8',
      timeout: runMsMax,
    });
    if (status === 0) return undefined;
    // A rig that does not run finds nothing.
    if (status !== 1 || !stdout.includes('in all:'))
      throw new Error(`the rig ended with ${status}: ${stderr.slice(0, 2_000)}`);
    return stdout.split('\n').find((line) => line.startsWith('  ')) ?? stderr;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const names = process.argv.slice(2);
const chosen =
  names.length === 0 ? [undefined, ...plants] : plants.filter(({ name }) => names.includes(name));
for (const plant of chosen) {
  const fault = await firstFault(plant);
  const asItShould = (fault === undefined) === (plant === undefined);
  if (!asItShould) process.exitCode = 1;
  const verdict = fault === undefined ? 'found nothing' : `found: ${fault.trim().slice(0, 200)}`;
  process.stdout.write(`${asItShould ? 'ok ' : 'BAD'} ${plant?.name ?? 'as it is'}: ${verdict}\n`);
}
