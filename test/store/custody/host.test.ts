/** Export, import, recovery and the acceptance of a loss, over an index in memory. */
import { Buffer } from 'node:buffer';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { encodeRow } from '../../../src/index/engine/stored-row.ts';
import { keys } from '../../../src/index/keys.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { openMemoryDatabase } from '../../../src/index/memory/memory.ts';
import type { ExportPart } from '../../../src/store/custody/export.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import type { HostState } from '../../../src/store/custody/status.ts';
import type { Finding } from '../../../src/store/verify/finding.ts';
import { someBytes } from '../../support/calls.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, target, tester } from '../../support/specs.ts';

interface Place {
  readonly home: MemoryHome;
  readonly states: HostState[];
  open(): Promise<StoreHost>;
}

function place(blobs = openMemoryBlobs(), time = { now: startOfTime }): Place {
  const clock = () => time.now;
  const home = new MemoryHome({ clock });
  const states: HostState[] = [];
  const open = async () => {
    const host = await StoreHost.open({
      home,
      clock,
      open: (index, isFirst) => openCheckedStore({ index, blobs, inlineBytesMax: 64, removesStale: isFirst }),
      onState: (state) => states.push(state),
      warn: () => {},
    });
    onTestFinished(() => host[Symbol.asyncDispose]());
    return host;
  };
  return { home, states, open };
}

const noFamily = Uint8Array.of(0xf9);
const push = (host: StoreHost, name: string, content: string | Uint8Array) =>
  host.store.uploads.create(tester, specOf({ session: 's', name }), Buffer.from(content));

async function read(host: StoreHost, name: string): Promise<string> {
  const { bytes } = await host.store.downloads.artifact(tester, target('s', name), {
    offset: 0,
    limit: undefined,
  });
  return Buffer.concat(await Array.fromAsync(bytes)).toString('latin1');
}

async function findings(host: StoreHost): Promise<Finding[]> {
  const all: Finding[] = [];
  for await (const event of host.verify({ checkContents: true, reindex: false }))
    if (event.kind === 'finding') all.push(event.finding);
  return all;
}

async function* stream(parts: readonly ExportPart[]): AsyncGenerator<ExportPart> {
  yield* parts;
}

/** Removes a commit, so that the index is damaged when it is opened. */
async function damage(home: MemoryHome, slot: number): Promise<void> {
  await openMemoryDatabase(home.rows).batch([{ type: 'del', key: keys.store.commit.key(slot) }]);
}

describe('an export', () => {
  test('restores another store to the same state, and says what waits for an operator', async () => {
    const blobs = openMemoryBlobs();
    const from = await place(blobs).open();
    for (const name of ['a', 'b', 'c']) await push(from, name, `small ${name}`);
    await push(from, 'large', someBytes(5_000));
    const parts = await Array.fromAsync(from.exportIndex());
    expect(parts.map(({ kind }) => kind)).toEqual(['header', 'rows', 'footer']);
    const to = await place(blobs).open();
    const rows = await to.importIndex(stream(parts), false);
    expect(rows).toBe((parts.at(-1) as { rows: number }).rows);
    expect(await read(to, 'b')).toBe('small b');
    expect(await read(to, 'large')).toBe(Buffer.from(someBytes(5_000)).toString('latin1'));
    const [before, after] = [await from.status(), await to.status()];
    expect(after).toMatchObject({ state: 'serving', storeId: before.storeId, losses: [] });
    expect(after.pauses).toMatchObject([{ cause: 'imported' }]);
    expect(after.commit).toBeGreaterThan(before.commit);
    expect(await findings(to)).toEqual([]);
    // What follows goes on where the exported store was.
    expect((await push(to, 'a', 'another')).artifact.version).toBe(2);
    await to.resume(after.pauses[0]!.id);
    await to.resume(after.pauses[0]!.id);
    expect((await to.status()).pauses).toEqual([]);
  });

  test('I11 is not collected before somebody has looked; a confirmation given before counts no more', async () => {
    const blobs = openMemoryBlobs({ now: () => startOfTime - 2 * 86_400_000 });
    const host = await place(blobs).open();
    const allowance = { limit: 1_000 };
    await push(host, 'large', someBytes(5_000));
    const parts = await Array.fromAsync(host.exportIndex());
    // Of this the export knows nothing: it is older than a day, and more than a tenth.
    await push(host, 'later', someBytes(5_000, 2));
    await host.importIndex(stream(parts), true);
    const collect = () => host.store.collection.collect(allowance, { findOrphans: false });
    expect(await collect()).toMatchObject({ orphans: 0, pauses: [{ cause: 'imported' }] });
    await host.resume((await host.status()).pauses[0]!.id);
    expect(await collect()).toMatchObject({
      orphans: 0,
      pauses: [{ cause: 'manyOrphans', objects: { count: 1, bytes: 5_000 } }],
    });
    // Neither a repair ends this one, nor does it remove what waits.
    let reportId = '';
    for await (const event of host.verify({ checkContents: false, reindex: false }))
      if (event.kind === 'summary') reportId = event.reportId;
    await Array.fromAsync(host.verify({ checkContents: false, reindex: false, repairReportId: reportId }));
    const { pauses } = await host.status();
    expect(pauses).toMatchObject([{ cause: 'manyOrphans' }]);
    await host.resume(pauses[0]!.id);
    const confirmed = await Array.fromAsync(host.exportIndex());
    await host.importIndex(stream(confirmed), true);
    await host.resume((await host.status()).pauses[0]!.id);
    expect(await collect()).toMatchObject({ orphans: 0, pauses: [{ cause: 'manyOrphans' }] });
    await host.resume((await host.status()).pauses[0]!.id);
    expect(await collect()).toMatchObject({ orphans: 1, pauses: [] });
  });

  test('is of one instant', async () => {
    const host = await place().open();
    await push(host, 'before', 'x');
    const parts: ExportPart[] = [];
    for await (const part of host.exportIndex()) {
      if (part.kind === 'header') await push(host, 'meanwhile', 'y');
      parts.push(part);
    }
    const to = await place().open();
    await to.importIndex(stream(parts), false);
    expect(await read(to, 'before')).toBe('x');
    await expect(read(to, 'meanwhile')).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
  });

  test('of many rows comes in portions', async () => {
    const host = await place().open();
    for (let at = 0; at < 90; at++)
      await host.store.uploads.create(
        tester,
        specOf({
          session: 's',
          name: `n${at}`,
          metadata: Object.fromEntries(Array.from({ length: 8 }, (_, key) => [`k${key}`, 'v'.repeat(900)])),
        }),
        Buffer.from('x'),
      );
    for (let at = 0; at < 5; at++) await push(host, 'n0', `${at}`);
    const parts = await Array.fromAsync(host.exportIndex());
    const rows = parts.filter((part) => part.kind === 'rows');
    expect(rows.length).toBeGreaterThan(1);
    for (const part of rows) {
      const bytes = part.rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      expect(part.rows.length === 1 || bytes <= 1024 * 1024).toBe(true);
    }
  });
});

describe('an import', () => {
  async function exported(): Promise<ExportPart[]> {
    const host = await place().open();
    await push(host, 'a', 'small');
    return await Array.fromAsync(host.exportIndex());
  }

  type Alter = (parts: ExportPart[]) => ExportPart[];
  const rowsOf = (parts: ExportPart[]) => (parts[1] as Extract<ExportPart, { kind: 'rows' }>).rows;
  const alterations: [string, Alter, Record<string, unknown>][] = [
    ['nothing at all', () => [], { reason: 'UPLOAD_INCOMPLETE' }],
    ['no header', (parts) => parts.slice(1), { reason: 'UPLOAD_INCOMPLETE' }],
    ['two headers', (parts) => [parts[0]!, ...parts], { reason: 'UPLOAD_INCOMPLETE' }],
    ['no footer', (parts) => parts.slice(0, -1), { reason: 'UPLOAD_INCOMPLETE' }],
    ['rows after the footer', (parts) => [...parts, parts[1]!], { reason: 'UPLOAD_INCOMPLETE' }],
    [
      'rows twice',
      (parts) => [parts[0]!, parts[1]!, parts[1]!, parts[2]!],
      { reason: 'INVALID_ARGUMENT', message: expect.stringMatching(/ascending/) },
    ],
    [
      'a row left out',
      (parts) => [parts[0]!, { kind: 'rows', rows: rowsOf(parts).slice(1) }, parts[2]!],
      { reason: 'SIZE_MISMATCH' },
    ],
    [
      'a flipped bit in a value',
      (parts) => [
        parts[0]!,
        {
          kind: 'rows',
          rows: rowsOf(parts).map((row, at) =>
            at === 5 ? { ...row, value: row.value.with(row.value.length - 1, 0xff) } : row,
          ),
        },
        parts[2]!,
      ],
      { reason: 'DIGEST_MISMATCH', message: expect.stringMatching(/rows\[5\]/) },
    ],
    [
      'another digest',
      (parts) => [
        ...parts.slice(0, 2),
        { ...(parts[2] as Extract<ExportPart, { kind: 'footer' }>), sha256: 'f'.repeat(64) },
      ],
      { reason: 'DIGEST_MISMATCH' },
    ],
    [
      'a later format',
      (parts) => [
        {
          kind: 'header',
          header: { ...(parts[0] as Extract<ExportPart, { kind: 'header' }>).header, formatVersion: 3 },
        },
        ...parts.slice(1),
      ],
      { reason: 'NOT_IMPLEMENTED' },
    ],
    [
      'a row of no family',
      (parts) => [
        parts[0]!,
        {
          kind: 'rows',
          rows: [...rowsOf(parts), { key: noFamily, value: encodeRow(noFamily, new Uint8Array(9)) }],
        },
        parts[2]!,
      ],
      { reason: 'INVALID_ARGUMENT', message: expect.stringMatching(/kind of row/) },
    ],
  ];

  test.each(alterations)('of %s changes nothing', async (_what, alter, refusal) => {
    const parts = alter(await exported());
    const host = await place().open();
    await expect(host.importIndex(stream(parts), false)).rejects.toMatchObject(refusal);
    await push(host, 'own', 'kept');
    await expect(host.importIndex(stream(parts), true)).rejects.toMatchObject({ reason: refusal.reason });
    expect(await read(host, 'own')).toBe('kept');
    expect((await host.status()).pauses).toEqual([]);
  });

  test('into a store that is not empty needs to be asked for', async () => {
    const parts = await exported();
    const host = await place().open();
    await push(host, 'own', 'x');
    const refusal = { reason: 'STORE_NOT_EMPTY', violations: [{ field: 'replace' }] };
    await expect(host.importIndex(stream(parts), false)).rejects.toMatchObject(refusal);
    await host.importIndex(stream(parts), true);
    await expect(read(host, 'own')).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    expect(await read(host, 'a')).toBe('small');
  });

  test('does not replace what was pushed while it came', async () => {
    const parts = await exported();
    const host = await place().open();
    async function* slowly() {
      yield* parts.slice(0, -1);
      await push(host, 'meanwhile', 'kept');
      yield parts.at(-1)!;
    }
    await expect(host.importIndex(slowly(), false)).rejects.toMatchObject({ reason: 'STORE_NOT_EMPTY' });
    expect(await read(host, 'meanwhile')).toBe('kept');
  });

  test('says what it brought back', async () => {
    const host = await place().open();
    const { artifact } = await push(host, 'deleted later', 'x');
    await push(host, 'stays', 'y');
    const parts = await Array.fromAsync(host.exportIndex());
    await host.store.artifacts.delete(tester, { id: artifact.id });
    await host.importIndex(stream(parts), true);
    const brought = { kind: 'CAME_BACK', namespace: 'default', artifactId: artifact.id, repairable: false };
    expect(await findings(host)).toMatchObject([brought]);
    expect(await read(host, 'deleted later')).toBe('x');
  });

  test('I7 also sessions that were deleted since, but no link and no key that was revoked', async () => {
    const host = await place().open();
    await push(host, 'a', 'x');
    const { link } = await host.store.links.create(tester, target('s', 'a'), undefined);
    const { key } = await host.store.apiKeys.create({
      namespace: tester.namespace,
      description: '',
      scopes: ['read'],
      operator: false,
      expireTime: undefined,
    });
    await host.store.uploads.create(tester, specOf({ session: 'gone', name: 'b' }), Buffer.from('y'));
    const { uid } = await host.store.sessions.get(tester, 'gone' as never);
    const parts = await Array.fromAsync(host.exportIndex());
    await host.store.links.revokeOne(tester, link.id);
    await host.store.apiKeys.revoke(key.id);
    await host.store.sessions.delete(tester, 'gone' as never);
    await host.importIndex(stream(parts), true);
    const messages = (await findings(host)).map(({ message }) => message.split(' had been')[0]).sort();
    expect(messages).toEqual([`the session ${uid}`]);
  });

  test('but not what has ended by its time', async () => {
    const time = { now: startOfTime };
    const host = await place(openMemoryBlobs(), time).open();
    const { uploads, links, apiKeys, reaper } = host.store;
    await push(host, 'a', 'x');
    await uploads.create(tester, specOf({ session: 's', name: 'short', ttlMs: 60_000 }), Buffer.from('y'));
    await links.create(tester, target('s', 'a'), undefined);
    const common = {
      namespace: tester.namespace,
      description: '',
      scopes: ['read'] as const,
      operator: false,
    };
    await apiKeys.create({ ...common, expireTime: startOfTime + 60_000 });
    const parts = await Array.fromAsync(host.exportIndex());
    time.now += 31 * 86_400_000;
    const allowance = { limit: 1_000 };
    expect(await reaper.reap(allowance)).toMatchObject({ artifacts: 1, others: 2, more: false });
    await host.importIndex(stream(parts), true);
    expect(await findings(host)).toEqual([]);
  });

  test('lets calls that are under way fail in a way that can be repeated', async () => {
    const parts = await exported();
    const host = await place().open();
    const uploads = host.store.uploads;
    await host.importIndex(stream(parts), false);
    const late = uploads.create(tester, specOf({ session: 's', name: 'late' }), Buffer.from('x'));
    await expect(late).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    await push(host, 'late', 'x');
  });
});

describe('a damaged index', () => {
  async function damaged() {
    const where = place();
    const before = await where.open();
    await push(before, 'a', 'small');
    await push(before, 'b', someBytes(5_000));
    await before[Symbol.asyncDispose]();
    await damage(where.home, 2);
    where.states.length = 0;
    return { ...where, host: await where.open() };
  }

  test('serves nothing, says so, and what is lost', async () => {
    const { host, states } = await damaged();
    expect(states).toEqual(['recovery']);
    expect(() => host.store.uploads).toThrow(expect.objectContaining({ reason: 'STORE_IN_RECOVERY' }));
    const { state, losses } = await host.status();
    expect(state).toBe('recovery');
    expect(losses).toMatchObject([{ firstCommit: 2, message: 'the index lost commits 2' }]);
    expect(await findings(host)).toMatchObject([{ kind: 'COMMITS_LOST' }]);
    await expect(
      Array.fromAsync(host.verify({ checkContents: false, reindex: false, repairReportId: 'x' })),
    ).rejects.toMatchObject({
      reason: 'STORE_IN_RECOVERY',
    });
    await expect(host.acceptLoss('another')).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
  });

  test('can be exported and imported as far as it can be read', async () => {
    const { host } = await damaged();
    const parts = await Array.fromAsync(host.exportIndex());
    await expect(host.importIndex(stream(parts), false)).rejects.toMatchObject({ reason: 'STORE_NOT_EMPTY' });
    await host.importIndex(stream(parts), true);
    expect(await read(host, 'a')).toBe('small');
    expect((await host.status()).state).toBe('serving');
  });

  test('serves what is left once the loss is accepted', async () => {
    const { host, states, open } = await damaged();
    const [loss] = (await host.status()).losses;
    await host.acceptLoss(loss!.id);
    await host.acceptLoss(loss!.id);
    expect(states).toEqual(['recovery', 'switching', 'serving']);
    expect(await read(host, 'a')).toBe('small');
    expect((await host.status()).pauses).toMatchObject([{ cause: 'inconsistent' }]);
    expect(await findings(host)).toEqual([]);
    const [report] = (await Array.fromAsync(host.verify({ checkContents: false, reindex: false }))).slice(-1);
    if (report?.kind !== 'summary') throw new Error('no summary');
    await Array.fromAsync(
      host.verify({ checkContents: false, reindex: false, repairReportId: report.reportId }),
    );
    expect((await host.status()).pauses).toEqual([]);
    await host[Symbol.asyncDispose]();
    const again = await open();
    expect(again.state).toBe('serving');
    expect((await push(again, 'a', 'next')).artifact.version).toBe(2);
  });
});
