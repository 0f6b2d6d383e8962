/** Faults that are planted in copies of the source, each to be found by a rig or by tests: see `controls.ts`. */

import { directPlants } from './bucket/plants.ts';
import { cachePlants } from './cache-plants.ts';
import { contentPlants } from './content-plants.ts';
import type { Plant } from './plant.ts';
import { replicaPlants } from './replicas/plants.ts';

export const plants: readonly Plant[] = [
  ...cachePlants,
  ...contentPlants,
  {
    name: 'postgres: writes-whatever-the-epoch-is',
    file: 'src/index/postgres/statements.ts',
    from: 'WHERE epoch = $1::bigint AND process = pg_backend_pid() FOR SHARE',
    to: 'WHERE epoch >= 0 OR epoch = $1::bigint FOR SHARE',
    tests: ['test/index/postgres/ownership.test.ts'],
  },
  {
    name: 'postgres: writes-on-any-connection',
    file: 'src/index/postgres/statements.ts',
    from: ' AND process = pg_backend_pid()',
    to: '',
    tests: ['test/index/postgres/ownership.test.ts'],
  },
  {
    name: 'postgres: sends-no-batch-again-after-a-deadlock',
    file: 'src/index/postgres/database.ts',
    from: 'if (!isAgain || tries === triesMax) throw error;',
    to: 'throw error;',
    tests: ['test/index/postgres/limits.test.ts'],
  },
  {
    name: 'postgres: does-not-ask-a-server-that-is-silent',
    file: 'src/index/postgres/owner-connection.ts',
    from: 'const isNeeded = !this.isInUse && !this.wasUsed && this.making === undefined;',
    to: 'const isNeeded = false;',
    tests: ['test/index/postgres/lost.test.ts'],
  },
  {
    name: 'postgres: believes-the-index-of-another-store',
    file: 'src/programs/index-place.ts',
    from: 'await requireStoreOf(dataDir, indexPlaceText(address), database);',
    to: '',
    tests: ['test/e2e/postgresql.test.ts'],
  },
  {
    name: 'postgres: sends-a-batch-before-snapshots-have-begun',
    file: 'src/index/postgres/database.ts',
    from: 'await moments.beforeBatch();',
    to: '',
    tests: ['test/index/postgres/postgres.test.ts'],
  },
  {
    name: 'postgres: shares-a-snapshot-over-a-batch',
    file: 'src/index/postgres/database.ts',
    from: 'moments.afterBatch();',
    to: '',
    tests: ['test/index/postgres/postgres.test.ts'],
  },
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
    from: 'await batches.write(writes, { sync: true });',
    to: `const half = writes.length >> 1;
      await batches.write(writes.slice(0, half), { sync: true });
      await batches.write(writes.slice(half), { sync: true });`,
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
  // Planted by somebody who had read the source and not the tests.
  {
    name: 'a-refusal-is-told-before-the-gathering-batch-that-it-read-from-is-durable',
    tests: ['test/index/memory', 'test/index/model.test.ts'],
    file: 'src/index/engine/order.ts',
    from: 'const newest = this.gathering.isEmpty ? this.inFlight : this.gathering;',
    to: 'const newest = isRefusal || this.gathering.isEmpty ? this.inFlight : this.gathering;',
  },
  {
    name: 'a-row-deleted-by-a-batch-that-is-not-durable-comes-back-as-it-was-fetched-by-the-round',
    tests: ['test/index/model.test.ts'],
    file: 'src/index/engine/round.ts',
    from: `    if (write !== undefined) return write.type === 'put' ? write.value : undefined;
    const known`,
    to: `    if (write?.type === 'put') return write.value;
    const known`,
  },
  {
    name: 'a-reopening-checks-the-database-only-against-the-mark-of-the-start-and-not-against-what-was-acknowledged',
    tests: ['test/index/leveldb'],
    file: 'src/index/engine/engine.ts',
    from: 'Math.max(this.durable.seq, this.options.mark?.seq ?? 0)',
    to: 'this.options.mark?.seq ?? 0',
  },
  {
    name: 'later-pages-of-a-query-take-now-from-the-clock-instead-of-from-the-page-token',
    tests: ['test/store/look', 'test/api/memory.test.ts', 'test/query', 'test/store/queries'],
    file: 'src/store/look/paging.ts',
    from: 'now: Number(body.readBigUInt64BE(timeBytes)),',
    to: 'now: time,',
  },
  {
    name: 'a-page-token-never-ends',
    tests: ['test/store/look'],
    file: 'src/store/look/paging.ts',
    from: '>= tokenMs)',
    to: '=== Number.POSITIVE_INFINITY)',
  },
  {
    name: 'a-page-that-is-full-in-the-middle-of-a-group-goes-on-after-the-group',
    tests: ['test/store/look'],
    file: 'src/store/look/page.ts',
    from: 'last = block[at++];',
    to: 'last = block[at + looked.length - 1 - looked.indexOf(found)];\n        at++;',
  },
  {
    name: 'the-id-of-an-expired-session-is-free-too-early-when-its-last-survivor-was-deleted-later',
    tests: ['test/api/targets'],
    file: 'src/store/rows/session-life.ts',
    from: `export function emptySince({ holds, expireTime, survivesUntil, leftTime }: SessionRecord): number {
  if (holds > 0) return Number.POSITIVE_INFINITY;
  return Math.max(expireTime ?? 0, survivesUntil ?? 0, leftTime ?? 0);`,
    to: `export function emptySince({ holds, expireTime, survivesUntil }: SessionRecord): number {
  if (holds > 0) return Number.POSITIVE_INFINITY;
  return Math.max(expireTime ?? 0, survivesUntil ?? 0);`,
  },
  {
    name: 'a-session-that-was-kept-as-abandoned-and-is-amended-to-an-outcome-that-does-not-count-never-expires',
    tests: ['test/lifecycle', 'test/store/sessions'],
    file: 'src/store/sessions/sessions.ts',
    from: 'laterExpiry(left.expireTime, session.expireTime)',
    to: 'laterExpiry(found.expireTime, session.expireTime)',
  },
  {
    name: 'a-deduplicated-push-that-extends-the-expiry-does-not-raise-the-survivor-bound-of-the-session',
    tests: ['test/api/targets'],
    file: 'src/store/artifacts/commit.ts',
    from: 'const outlasting = withSurvivor(session, expireTime);',
    to: 'const outlasting = withSurvivor(session, record.expireTime);',
  },
  {
    name: 'a-content-that-became-free-again-a-moment-ago-is-condemned-by-its-old-queue-row',
    tests: ['test/store/upkeep'],
    file: 'src/store/upkeep/condemning.ts',
    from: '(record.idleSince ?? time) <= time;',
    to: '(record.idleSince ?? time) >= time;',
  },
  {
    name: 'a-watch-that-resumes-at-the-number-of-the-seal-never-ends',
    tests: ['test/store/watch', 'test/api/memory.test.ts'],
    file: 'src/store/watch/watches.ts',
    from: 'seal.sequence <= watcher.position)) return [seal];',
    to: 'seal.sequence < watcher.position)) return [seal];',
  },
  {
    name: 'the-room-that-a-failed-write-of-an-upload-took-is-never-given-back',
    tests: ['test/api'],
    file: 'src/api/admission.ts',
    from: `    try {
      return await write();
    } finally {
      this.admission.give(this, bytes);
    }`,
    to: `    const written = await write();
    this.admission.give(this, bytes);
    return written;`,
  },
  {
    name: 'volume: answers-durable-seals-before-they-are-shipped',
    rig: 'volume',
    file: 'src/store/custody/shipping.ts',
    from: 'if (this.restorableTime === Number.POSITIVE_INFINITY) return;',
    to: 'if (this.restorableTime > 0) return;',
  },
  {
    name: 'volume: restores-rows-that-were-removed-since-the-export',
    rig: 'volume',
    file: 'src/store/custody/rebuilt.ts',
    from: "const value = write.type === 'put' ? decodeRow(key, write.value) : undefined;",
    to: "if (write.type === 'del') continue;\n    const value = decodeRow(key, write.value);",
  },
  {
    name: 'bucket: acknowledges-what-the-bucket-has-not-answered-yet',
    rig: 'bucket',
    file: 'src/blobs/gcs/staged-object.ts',
    from: "      return await client.run('create', (signal) => objects.create(objectName, content, signal), this.signal);",
    to: `      client.run('create', (signal) => objects.create(objectName, content, signal)).catch(() => undefined);
      const { writer, upload } = mark;
      return { generation: '1', sizeBytes: this.written, crc32c: this.crc.text(), createTimeMs: 0, writer, upload };`,
  },
  {
    name: 'bucket: deletes-whatever-has-the-name',
    rig: 'bucket',
    file: 'src/blobs/gcs/objects.ts',
    from: 'const url = this.objectUrl(name, generation === undefined ? {} : { generation });',
    to: 'const url = this.objectUrl(name, {});\n    void generation;',
  },
  {
    name: 'bucket: creates-over-what-has-the-name',
    rig: 'bucket',
    file: 'src/blobs/gcs/objects.ts',
    from: "this.uploadUrl({ uploadType: 'multipart', ifGenerationMatch: '0', fields: factFields })",
    to: "this.uploadUrl({ uploadType: 'multipart', fields: factFields })",
  },
  {
    name: 'bucket: forgets-the-upload-whose-answer-was-lost',
    rig: 'outage',
    file: 'src/blobs/gcs/staged-object.ts',
    from: "      if (!refusedAs(error, 'taken')) throw error;\n      return await this.own(error);",
    to: '      throw error;',
  },
  ...directPlants,
  ...replicaPlants,
  {
    name: 'bucket: takes-the-object-of-another-process-for-its-own',
    tests: ['test/blobs/gcs'],
    file: 'src/blobs/gcs/answers.ts',
    from: "  if (found.writer !== sent.writer) return 'foreign';\n  if (found.upload !== sent.upload) return 'reused';\n",
    to: '',
  },
  {
    name: 'reaping: takes-what-is-being-uploaded-for-an-orphan',
    rig: 'reaping',
    file: 'src/store/upkeep/orphans.ts',
    from: 'if (ageMs >= orphanAgeMs)',
    to: 'if (ageMs >= 0)',
  },
  {
    name: 'reaping: forgets-what-is-condemned-without-removing-it',
    rig: 'reaping',
    file: 'src/store/upkeep/sweeping.ts',
    from: 'store.delete(name, generation)',
    to: 'Promise.resolve(store)',
  },
  {
    name: 'outage: never-tries-again',
    rig: 'outage',
    file: 'src/blobs/gcs/client.ts',
    from: 'if (delayMs === undefined || !allowance.takeRetry())',
    to: 'if (delayMs === undefined || tries > 0)',
  },
  {
    name: 'outage: acknowledges-what-the-bucket-refused',
    rig: 'outage',
    file: 'src/blobs/gcs/staged-object.ts',
    from: "      if (!refusedAs(error, 'taken')) throw error;\n      return await this.own(error);",
    to: `      const { writer, upload } = mark;
      return { generation: '1', sizeBytes: this.written, crc32c: this.crc.text(), createTimeMs: 0, writer, upload };`,
  },
  {
    name: 'outage: takes-an-answer-that-breaks-off-for-the-end-of-the-content',
    rig: 'outage',
    file: 'src/blobs/gcs/reading.ts',
    from: "      await client.waitToRetry('read', error, { ...patience.tired(), signal });\n      continue;",
    to: '      void patience;\n      return;',
  },
  {
    name: 'a-chain-is-gone-on-with-whose-export-was-never-written',
    tests: ['test/store/custody'],
    file: 'src/store/custody/shipping.ts',
    from: 'if (last?.seq === newest.seq && last.isRooted) this.chain = last.chain;',
    to: 'if (last?.seq === newest.seq) this.chain = last.chain;',
  },
];

/** The text of a file with a fault in it. @throws Error if what it replaces is not there once: adapt the fault then. */
export function planted(text: string, { name, also = [], ...first }: Plant): string {
  let changed = text;
  for (const { from, to } of [first, ...also]) {
    if (changed.split(from).length !== 2) throw new Error(`${name}: occurs not once: ${from}`);
    changed = changed.replace(from, () => to);
  }
  return changed;
}
