/** Faults that are planted in copies of the source, each to be found by a rig or by tests: see `controls.ts`. */

export interface Plant {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** What is to find it. Default: the kills. */
  readonly rig?: 'power' | 'deletion';
  /** Instead of a rig: the tests that are to find it. */
  readonly tests?: readonly string[];
}

export const plants: readonly Plant[] = [
  {
    name: 'answers-before-the-batch-is-durable',
    file: 'src/index/engine/order.ts',
    from: 'else newest.wait({ settle, abandon: (failure) => waiting.reject(failure) });',
    to: 'else settle();',
  },
  {
    name: 'answers-duplicates-and-refusals-before-what-they-read-is-durable',
    file: 'src/index/engine/order.ts',
    from: 'if (newest === undefined) settle();',
    to: 'if (newest === undefined || isRefusal || ended.outcome.writes.size === 0) settle();',
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
    from: "  yield* detach(tx, record.sha256, { kind: 'artifact', id: record.id });\n",
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

/** The text of a file with a fault in it. @throws Error if what it replaces is not there once: adapt the fault then. */
export function planted(text: string, { name, from, to }: Plant): string {
  if (text.split(from).length !== 2) throw new Error(`${name}: occurs not once: ${from}`);
  return text.replace(from, () => to);
}
