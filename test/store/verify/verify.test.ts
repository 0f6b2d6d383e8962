/** Checking and repairing the store: every row removed, every row damaged, contents gone and altered. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keys } from '../../../src/index/keys.ts';
import type { Key } from '../../../src/index/row.ts';
import { noSignature } from '../../../src/index/signature.ts';
import { usageShard } from '../../../src/store/rows/usage.ts';
import { orphansMax } from '../../../src/store/upkeep/orphan-valve.ts';
import { familyOf } from '../../../src/store/verify/owners.ts';
import { someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { bytesKeyOf, writeRows } from '../../support/rows.ts';
import { specOf, target, tester } from '../../support/specs.ts';
import { allKeys, copied, dayMs, fill, openRig, rowsIn } from './verify-rig.ts';

const nameOf = (key: Key) => familyOf.get(key[0]!)!.name;

/** Rows that say what nothing else says: nobody can tell that they were there. */
const untraceable = new Set([
  'apiKey',
  'setting',
  'namespace',
  'policy',
  'requestId',
  'requestIdByDay',
  'condemned',
  'preview',
]);
/** The rows that only the same bytes bring back. */
const ofBytes = new Set(['blobBytes', 'blobBytesByTime', 'blobCrcs']);
/** Primary rows: that they are gone is told, and only an import or another push mends it. */
const primary = new Set(['artifact', 'session', 'outputs', 'feed', 'keptSessions']);

describe('a store that nothing happened to', () => {
  test('has no findings, while it is used either', async () => {
    await using rig = await openRig();
    await fill(rig);
    expect(await rig.check({ checkContents: true })).toMatchObject({
      findings: [],
      summary: { findings: 0 },
    });
    const pushes = Array.from({ length: 40 }, async (_, at) => {
      const name = `n${at % 7}`;
      await rig.store.uploads.create(tester, specOf({ session: `s${at % 3}`, name }), Buffer.from(`${at}`));
      if (at % 4 === 0) await rig.store.artifacts.delete(tester, target(`s${at % 3}`, name));
    });
    const checks = Array.from({ length: 5 }, () => rig.check({ checkContents: true }));
    await Promise.all(pushes);
    for (const { findings } of await Promise.all(checks)) expect(findings).toEqual([]);
    expect((await rig.check()).summary.checked.contents).toBeGreaterThan(40);
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  });

  test('every family is there, so that the tests below mean something', async () => {
    await using rig = await openRig();
    await fill(rig);
    const there = new Set((await allKeys(rig.rows)).map(nameOf));
    const absent = [...familyOf.values()].map(({ name }) => name).filter((name) => !there.has(name));
    expect(absent.sort()).toEqual([
      // Only earlier releases wrote these.
      'blobBytes',
      'cameBack',
      'commit',
      'condemned',
      'pendingSeal',
      'quarantine',
      'sessionsByLabel',
    ]);
  });
});

describe('a row that is removed', () => {
  test('is missed, whichever it is, and what is derived is derived again', async () => {
    await using original = await openRig();
    await fill(original);
    for (const key of await allKeys(original.rows)) {
      const family = nameOf(key);
      if (untraceable.has(family)) continue;
      // Of a name all of whose versions are deleted nothing else tells.
      if (family === 'head' && /gone|deleted/.test(Buffer.from(key).toString('latin1'))) continue;
      const rows = await copied(original.rows);
      rows.write([{ type: 'del', key }]);
      await using rig = await openRig(rows, original.blobs);
      const name = `${family} ${Buffer.from(key).toString('latin1')}`;
      const { findings, ...first } = await rig.check({ checkContents: true });
      // A share of usage that is zero is as good as absent.
      if (family === 'usage' && findings.length === 0) continue;
      if (findings.length === 0) expect.unreachable(`${name} is not missed`);
      if (primary.has(family) || ofBytes.has(family)) continue;
      expect([name, findings.filter(({ repairable }) => !repairable)]).toEqual([name, []]);
      const mended = await rig.repair({ ...first, findings });
      expect([name, mended.summary.repaired]).toEqual([name, findings.length]);
      expect([name, (await rig.check({ checkContents: true })).findings]).toEqual([name, []]);
      // A file whose name is forgotten is an orphan until it is a day old.
      const orphans = family === 'blob';
      expect([name, await inconsistencies(rig.index, rig.blobs, { orphans })]).toEqual([name, []]);
    }
  });
});

describe('a row that is damaged', () => {
  test('is told, whichever it is, and what is derived is derived again', async () => {
    await using original = await openRig();
    await fill(original);
    for (const key of await allKeys(original.rows)) {
      const family = nameOf(key);
      if (family === 'setting') continue;
      const rows = await copied(original.rows);
      const stored = Uint8Array.from(rows.get(key)!);
      stored[0]! ^= 1;
      // The default namespace is read at the start.
      if (family === 'namespace') continue;
      await using rig = await openRig(rows, original.blobs);
      rows.write([{ type: 'put', key, value: stored }]);
      const name = `${family} ${Buffer.from(key).toString('latin1')}`;
      const { findings, ...first } = await rig.check();
      expect([name, findings.length]).not.toEqual([name, 0]);
      if (findings.some(({ repairable }) => !repairable)) {
        expect([
          ...primary,
          'sessionName',
          'requestId',
          'maybeFree',
          'usage',
          'version',
          'physicalName',
          'apiKey',
          'tokenUse',
          'policy',
          'shareLink',
        ]).toContain(family);
        continue;
      }
      await rig.repair({ ...first, findings });
      // What is mended may bring to light what could not be judged before.
      await rig.repair(await rig.check());
      const after = (await rig.check()).findings;
      if (ofBytes.has(family)) expect(after.every(({ kind }) => kind === 'CONTENT_CORRUPT')).toBe(true);
      else expect([name, after]).toEqual([name, []]);
    }
  });
});

test('rows that nobody owns are found and removed', async () => {
  await using rig = await openRig();
  await fill(rig);
  const { uid } = keys.sessions.name.decode((await rig.index.get(keys.sessions.name.key('default', 'one')))!);
  const { artifact } = await rig.store.uploads.create(
    tester,
    specOf({ session: 'x', name: 'n' }),
    Buffer.from('y'),
  );
  const surplus = [
    keys.latest.byName.put(['default', 'other', artifact.id], noSignature),
    keys.latest.byMetadata.put(['default', 'k', 'never given', artifact.id], noSignature),
    keys.sessions.byLabel.put(['default', 'k', 'v', uid], true),
    keys.calls.expiry.put([5, 'default', 'artifact', artifact.id], true),
  ].filter((write) => write.type === 'put');
  await writeRows(rig.index, surplus);
  const report = await rig.check();
  expect(report.findings.map(({ kind }) => kind)).toEqual(surplus.map(() => 'INDEX_ROW_WRONG'));
  await rig.repair(report);
  expect((await rig.check()).findings).toEqual([]);
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
});

describe('counts that are wrong', () => {
  test('are counted again, whatever happens between report and repair', async () => {
    await using rig = await openRig();
    await fill(rig);
    const { uid } = keys.sessions.name.decode(
      (await rig.index.get(keys.sessions.name.key('default', 'one')))!,
    );
    const sha256 = createHash('sha256').update('small').digest('hex') as never;
    await rig.index.transact({
      ns: 'default',
      reads: [keys.sessions.record.key('default', uid), keys.blobs.record.key('default', sha256)],
      *decide(tx) {
        const session = tx.get(keys.sessions.record, 'default', uid)!;
        const blob = tx.get(keys.blobs.record, 'default', sha256)!;
        const artifacts = session.artifacts + 5;
        tx.put(keys.sessions.record, ['default', uid], { ...session, artifacts, bytes: 7 });
        tx.put(keys.blobs.record, ['default', sha256], { ...blob, refs: blob.refs - 1 });
        const usage = { sessions: 1, artifacts: 12, bytes: -4 };
        tx.put(keys.calls.usage, ['default', usageShard('one')], usage);
      },
    });
    const report = await rig.check();
    expect(report.findings.map(({ kind }) => kind)).toEqual(['COUNT_WRONG', 'COUNT_WRONG', 'COUNT_WRONG']);
    await rig.store.uploads.create(tester, specOf({ session: 'one', name: 'z' }), Buffer.from('small'));
    await rig.repair(report);
    expect((await rig.check()).findings).toEqual([]);
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  });
});

describe('contents', () => {
  test('that are gone or altered are quarantined, and heal when the same bytes are pushed again', async () => {
    await using rig = await openRig();
    await fill(rig);
    const bytes = Buffer.from(someBytes(5_000));
    const sha256 = createHash('sha256').update(bytes).digest('hex') as never;
    const record = keys.blobs.record.decode((await rig.index.get(keys.blobs.record.key('default', sha256)))!);
    await rig.blobs.delete(record.name!);
    const report = await rig.check();
    expect(report.findings).toMatchObject([{ kind: 'CONTENT_MISSING', sha256, repairable: true }]);
    // Unaware of that, a push refers to what is not there.
    await rig.repair(report);
    expect((await rig.check()).findings).toMatchObject([
      { kind: 'CONTENT_CORRUPT', sha256, repairable: false },
    ]);
    const read = () =>
      rig.store.downloads.artifact(tester, target('one', 'b'), { offset: 0, limit: undefined });
    await expect(read()).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    await expect(
      rig.store.uploads.createByDigest(tester, specOf({ session: 'one', name: 'c' }), {
        sha256,
        sizeBytes: 5_000,
      }),
    ).rejects.toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
    const again = await rig.store.uploads.create(tester, specOf({ session: 'one', name: 'c' }), bytes);
    expect(again.receipt.deduplicated).toBe(true);
    const { bytes: pieces } = await read();
    expect(Buffer.concat(await Array.fromAsync(pieces)).equals(bytes)).toBe(true);
    expect((await rig.check({ checkContents: true })).findings).toEqual([]);
  });

  test('are healed by a push under another name too, and by one after their record was lost', async () => {
    await using rig = await openRig();
    await fill(rig);
    const bytes = Buffer.from(someBytes(5_000));
    const sha256 = createHash('sha256').update(bytes).digest('hex') as never;
    const record = keys.blobs.record.decode((await rig.index.get(keys.blobs.record.key('default', sha256)))!);
    await rig.blobs.delete(record.name!);
    await rig.repair(await rig.check());
    await rig.store.uploads.create(tester, specOf({ session: 'new', name: 'other' }), bytes);
    expect((await rig.check({ checkContents: true })).findings).toEqual([]);

    const del = keys.blobs.record.del('default', sha256);
    await writeRows(rig.index, [del]);
    const { findings } = await rig.check();
    expect(findings.some(({ message }) => message.includes('the record of a content'))).toBe(true);
    await rig.store.uploads.create(tester, specOf({ session: 'new', name: 'other' }), bytes);
    await rig.repair(await rig.check());
    expect((await rig.check({ checkContents: true })).findings).toEqual([]);
    const { bytes: pieces } = await rig.store.downloads.artifact(tester, target('one', 'b'), {
      offset: 0,
      limit: undefined,
    });
    expect(Buffer.concat(await Array.fromAsync(pieces)).equals(bytes)).toBe(true);
  });

  test('small ones too', async () => {
    await using rig = await openRig();
    await fill(rig);
    const sha256 = createHash('sha256').update('small').digest('hex') as never;
    await writeRows(rig.index, [{ type: 'del', key: await bytesKeyOf(rig.index, sha256) }]);
    const report = await rig.check();
    expect(report.findings).toMatchObject([{ kind: 'CONTENT_MISSING', sha256 }]);
    await rig.repair(report);
    await rig.store.uploads.create(tester, specOf({ session: 'two-again', name: 'a' }), Buffer.from('small'));
    expect((await rig.check()).findings).toEqual([]);
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  });

  test('files that no row names are condemned once they are a day old', async () => {
    await using rig = await openRig();
    await fill(rig);
    const [key, value] = (await rowsIn(rig.index, keys.store.namespace.range()))[0]!;
    const { internalId } = keys.store.namespace.decode(value);
    expect(keys.store.namespace.parse(key)).toEqual(['default']);
    await using staged = await rig.blobs.stage(`${internalId}/ab/ab000000000000000000000000000000`);
    await staged.write(Buffer.from('orphan'));
    await staged.commit();
    const { modifyTimeMs } = (await rig.blobs.stat(staged.name))!;
    rig.clock.now = modifyTimeMs + dayMs - 1;
    expect((await rig.check()).findings).toEqual([]);
    rig.clock.now = modifyTimeMs + dayMs + 1;
    const report = await rig.check();
    expect(report.findings).toMatchObject([{ kind: 'ORPHAN', namespace: 'default', repairable: true }]);
    expect((await rig.repair(report)).summary.repaired).toBe(1);
    expect((await rig.check()).findings).toEqual([]);
    expect(await rig.blobs.stat(staged.name)).toBeDefined();
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  });
});

test('of very many files that no row names none is condemned: perhaps it is the index that is wrong', async () => {
  await using rig = await openRig();
  await fill(rig);
  const [, value] = (await rowsIn(rig.index, keys.store.namespace.range()))[0]!;
  const { internalId } = keys.store.namespace.decode(value);
  let modifyTimeMs = 0;
  for (let at = 0; at <= orphansMax; at++) {
    const id = at.toString(16).padStart(32, '0');
    await using staged = await rig.blobs.stage(`${internalId}/${id.slice(0, 2)}/${id}`);
    await staged.write(Buffer.from('x'));
    await staged.commit();
    modifyTimeMs = (await rig.blobs.stat(staged.name))!.modifyTimeMs;
  }
  rig.clock.now = modifyTimeMs + dayMs + 1;
  const report = await rig.check();
  expect(report.findings).toHaveLength(orphansMax + 1);
  const { findings, summary } = await rig.repair(report);
  expect(summary.repaired).toBe(0);
  expect(findings[0]!.message).toMatch(
    /not removed: 1001 files that belong to no artifact are too many to remove without an operator/,
  );
  expect(await rig.store.pauses.current()).toMatchObject([
    { cause: 'manyOrphans', objects: { count: orphansMax + 1 } },
  ]);
  // An operator who has ended the pause has allowed it.
  const resume = keys.store.setting.del('pause/manyOrphans');
  await writeRows(rig.index, [resume]);
  const again = await rig.repair(await rig.check());
  expect(again.summary.repaired).toBe(orphansMax + 1);
  expect(await rig.store.pauses.current()).toEqual([]);
});

describe('a head that is lost', () => {
  test('never leads to a version number that was used before', async () => {
    await using rig = await openRig();
    const push = (content: string) =>
      rig.store.uploads.create(tester, specOf({ session: 's', name: 'n' }), Buffer.from(content));
    const made = [(await push('1')).artifact, (await push('2')).artifact, (await push('3')).artifact];
    await rig.store.artifacts.delete(tester, { id: made[2]!.id });
    const [key] = (await rowsIn(rig.index, keys.artifacts.head.range()))[0]!;
    await writeRows(rig.index, [{ type: 'del', key }]);
    const report = await rig.check();
    expect(report.findings.length).toBeGreaterThan(0);
    await rig.repair(report);
    await rig.repair(await rig.check());
    expect((await rig.check()).findings).toEqual([]);
    expect((await push('4')).artifact.version).toBeGreaterThan(3);
  });
});

describe('reports', () => {
  test('are of one day, and are used once', async () => {
    await using rig = await openRig();
    await fill(rig);
    const unknown = { id: 'nothing', findings: [], summary: {} as never };
    await expect(rig.repair(unknown)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    const old = await rig.check();
    rig.clock.now += dayMs + 1;
    await expect(rig.repair(old)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    const once = await rig.check();
    expect((await rig.repair(once)).id).toBe('');
    await expect(rig.repair(once)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
  });

  test('end with the first repair, also with one that is cut short: no count is mended twice', async () => {
    await using rig = await openRig();
    await fill(rig);
    const wrong = keys.calls.usage.put(['default', usageShard('one')], {
      sessions: 9,
      artifacts: 99,
      bytes: 99,
    });
    await writeRows(rig.index, [wrong]);
    const [first, second] = [await rig.check(), await rig.check()];
    await rig.repair(first);
    await expect(rig.repair(second)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    await expect(rig.repair(first)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    expect((await rig.check()).findings).toEqual([]);
  });

  test('do not undo what happened since', async () => {
    await using rig = await openRig();
    await fill(rig);
    const bytes = Buffer.from('pushed between report and repair');
    const sha256 = createHash('sha256').update(bytes).digest('hex') as never;
    const left = keys.blobs.bytesByTime.put([1, 'default', sha256], bytes);
    const head = (await rowsIn(rig.index, keys.artifacts.head.range()))[0]!;
    const gone = { type: 'del' as const, key: head[0] };
    await writeRows(rig.index, [left, gone]);
    const stale = await rig.check();
    expect(stale.findings.length).toBeGreaterThanOrEqual(2);
    await rig.store.uploads.create(tester, specOf({ session: 'since', name: 'n' }), bytes);
    const back = { type: 'put' as const, key: head[0], value: head[1] };
    await writeRows(rig.index, [back]);
    await rig.repair(stale);
    const whole = { offset: 0, limit: undefined };
    const download = await rig.store.downloads.artifact(tester, target('since', 'n'), whole);
    expect(Buffer.concat(await Array.fromAsync(download.bytes)).equals(bytes)).toBe(true);
    expect(Buffer.from((await rig.index.get(head[0]))!).equals(Buffer.from(head[1]))).toBe(true);
  });

  test('of one namespace look at nothing else', async () => {
    await using rig = await openRig();
    await fill(rig);
    const wrong = keys.calls.usage.put(['default', 1], { sessions: 9, artifacts: 99, bytes: 99 });
    await writeRows(rig.index, [wrong]);
    expect((await rig.check({ namespace: 'default' })).findings).toHaveLength(1);
    expect((await rig.check({ namespace: 'another' })).findings).toEqual([]);
  });
});
