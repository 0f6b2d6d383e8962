/** Planted faults of contents: of small ones, whose place in the index follows the time, and of the bytes of uploads. */
import type { Plant } from './plant.ts';

export const contentPlants: readonly Plant[] = [
  {
    name: 'contents: leaves-bytes-whose-place-others-took',
    file: 'src/store/rows/blob-rows.ts',
    from: "tx.write({ type: 'del', key: bytesKey(ns, sha256, record) });",
    to: '',
    tests: ['test/store/contents/healing.test.ts', 'test/store/verify/placement.test.ts'],
  },
  {
    name: 'contents: takes-any-row-for-the-bytes-of-a-lost-record',
    file: 'src/store/verify/remains.ts',
    from: "if (lost.has(group) && hash('sha256', bytes) === sha256)",
    to: 'if (lost.has(group))',
    tests: ['test/store/verify/placement.test.ts'],
  },
  {
    name: 'contents: finds-no-bytes-that-no-record-names',
    file: 'src/store/verify/remains.ts',
    from: 'return record.name === undefined && textOf(bytesKey(ns, sha256, record)) === textOf(key);',
    to: 'return record.name === undefined;',
    tests: ['test/store/verify/placement.test.ts'],
  },
  {
    name: 'contents: lets-earlier-versions-open-a-store-with-rows-they-do-not-know',
    file: 'src/store/backfill.ts',
    from: 'with: { format: formatVersion },',
    to: '',
    tests: ['test/store/verify/placement.test.ts'],
  },
  {
    name: 'contents: reads-new-bytes-where-old-ones-were',
    file: 'src/store/rows/blob-rows.ts',
    from: 'return bytesTime === undefined\n    ? keys.blobs.bytes.key(ns, sha256)\n    : ',
    to: 'return ',
    also: [
      { from: 'bytesByTime.key(bytesTime, ns, sha256);', to: 'bytesByTime.key(bytesTime ?? 0, ns, sha256);' },
    ],
    tests: ['test/store/verify/placement.test.ts', 'test/store/old-store.test.ts'],
  },
  {
    name: 'contents: forgets-the-error-of-an-early-sync',
    file: 'src/blobs/early-syncs.ts',
    from: 'this.failure = { error };',
    to: 'void error;',
    tests: ['test/blobs/disk-process.test.ts', 'test/blobs/early-syncs.test.ts'],
  },
  {
    name: 'contents: frees-memory-of-which-a-part-is-being-processed',
    file: 'src/server/messages/gathering.ts',
    from: '[this.handedOn?.piece, this.gathering.piece, this.rest?.piece]',
    to: '[this.gathering.piece, this.rest?.piece]',
    tests: ['test/server/messages/gathering.test.ts'],
  },
];
