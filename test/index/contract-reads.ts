/** Clauses 5, 6 and 7: reads outside transactions. */
import { expect, test } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { doorLimits, type Examined, type Index, type Snapshot } from '../../src/index/door.ts';
import type { Range, Write } from '../../src/index/row.ts';
import {
  commitKey,
  decide,
  del,
  everything,
  key,
  keyText,
  look,
  type OpenRig,
  put,
  type Rig,
  rowsOf,
  text,
  turns,
  watch,
  write,
} from './support.ts';

export function readsContract(open: OpenRig): void {
  durableOnly(open);
  snapshots(open);
  checksums(open);
  ranges(open);
}

function durableOnly(open: OpenRig): void {
  test('5: reads see nothing of a batch that is not durable', async () => {
    await using rig = await open();
    const { index } = rig;
    await write(index, [put('a', '1'), put('b', '1')]);
    const stalled = rig.faults.stall();
    const writer = watch(write(index, [put('a', '2'), del('b'), put('c', '2')]));
    await stalled;
    await turns();
    const old = index.snapshot();
    const names = ['c', 'b', 'a', 'b'];
    for (const reader of [index, old]) {
      expect(text(await reader.get(key('a')))).toBe('1');
      expect((await reader.getMany(names.map(key))).map(text)).toEqual([undefined, '1', '1', '1']);
      expect(await rowsOf(reader)).toEqual([
        ['a', '1'],
        ['b', '1'],
      ]);
    }
    expect(writer.state).toBe('pending');
    rig.faults.release();
    await writer.settled;
    expect((await index.getMany(names.map(key))).map(text)).toEqual(['2', undefined, '2', undefined]);
    expect((await old.getMany(names.map(key))).map(text)).toEqual([undefined, '1', '1', '1']);
    await old[Symbol.asyncDispose]();
  });
}

function snapshots(open: OpenRig): void {
  test('a snapshot stays as it was, whatever is written later', async () => {
    await using rig = await open();
    const { index } = rig;
    const taken = [];
    for (let round = 0; round < 4; round++) {
      await write(index, [put('a', String(round)), put(`only ${round}`, ''), del(`only ${round - 1}`)]);
      taken.push(index.snapshot());
    }
    await write(index, [del('a'), del('only 3')]);
    for (const [round, snapshot] of taken.entries()) {
      expect(text(await snapshot.get(key('a')))).toBe(String(round));
      expect(await rowsOf(snapshot)).toEqual([
        ['a', String(round)],
        [`only ${round}`, ''],
      ]);
      await snapshot[Symbol.asyncDispose]();
    }
    expect(await rowsOf(index)).toEqual([]);
  });

  test('a scan that is under way stays as it began', async () => {
    await using rig = await open();
    const { index } = rig;
    await fill(index, 2_500);
    const blocks = index.scan(everything)[Symbol.asyncIterator]();
    const first = await blocks.next();
    await write(index, [put('0000', 'new'), del('2499'), put('2400', 'new'), put('9999', 'new')]);
    const rest: [string, string | undefined][] = [];
    for (let block = await blocks.next(); !block.done; block = await blocks.next()) {
      for (const [name, content] of block.value) rest.push([keyText(name), text(content)]);
    }
    expect(first.value.length + rest.length).toBe(2_500);
    expect(rest.at(-1)).toEqual(['2499', '2499']);
    expect(rest.find(([name]) => name === '2400')).toEqual(['2400', '2400']);
  });

  test('compacting a range changes nothing that can be read, of what is there, removed or not durable', async () => {
    await using rig = await open();
    const { index } = rig;
    await fill(index, 2_500);
    const old = index.snapshot();
    const gone = Array.from({ length: 2_000 }, (_, n) => del(String(n).padStart(4, '0')));
    await write(index, gone);
    const writing = write(index, [put('2400', 'new')]);
    await index.compact(everything);
    await writing;
    await index.compact({ gte: key('0000'), lt: key('0000') });
    const rows = await rowsOf(index);
    expect(rows.length).toBe(500);
    expect(rows.find(([name]) => name === '2400')).toEqual(['2400', 'new']);
    expect((await rowsOf(old)).length).toBe(2_500);
    await old[Symbol.asyncDispose]();
  });

  test('a disposed snapshot is of no use', async () => {
    await using rig = await open();
    const snapshot = rig.index.snapshot();
    await snapshot[Symbol.asyncDispose]();
    await snapshot[Symbol.asyncDispose]();
    await expect(snapshot.get(key('a'))).rejects.toThrow('disposed');
    await expect(snapshot.getMany([key('a')])).rejects.toThrow('disposed');
    await expect(rowsOf(snapshot)).rejects.toThrow('disposed');
  });
}

/** Changes a row beneath the index. */
async function damage(rig: Rig, name: string, change: (stored: Uint8Array) => Uint8Array): Promise<void> {
  const stored = (await rig.faults.database.getMany([key(name)]))[0]!;
  await rig.faults.database.batch([{ type: 'put', key: key(name), value: change(Uint8Array.from(stored)) }]);
}

const damages: [name: string, change: (stored: Uint8Array) => Uint8Array][] = [
  ['a flipped bit in the value', (stored) => stored.with(stored.length - 1, stored.at(-1)! ^ 0x10)],
  ['a flipped bit in the format version', (stored) => stored.with(4, stored[4]! ^ 1)],
  ['a flipped bit in the checksum', (stored) => stored.with(0, stored[0]! ^ 0x80)],
  ['a value cut short', (stored) => stored.subarray(0, -1)],
  ['a row cut to four bytes', (stored) => stored.subarray(0, 4)],
  ['an empty row', () => new Uint8Array(0)],
];

function checksums(open: OpenRig): void {
  test.each(damages)('6: %s is DATA_LOSS wherever it is read', async (_name, change) => {
    await using rig = await open();
    const { index } = rig;
    await write(index, [put('a', 'one'), put('b', 'two')]);
    await damage(rig, 'a', change);
    const loss = { reason: 'DATA_LOSS', metadata: { key: Buffer.from(key('a')).toString('hex') } };
    const snapshot = index.snapshot();
    for (const reader of [index, snapshot]) {
      await expect(reader.get(key('a'))).rejects.toMatchObject(loss);
      await expect(reader.getMany([key('b'), key('a')])).rejects.toMatchObject(loss);
      await expect(reader.getMany([...Array(100).fill(key('b')), key('a')])).rejects.toMatchObject(loss);
      await expect(rowsOf(reader)).rejects.toMatchObject(loss);
      expect(text(await reader.get(key('b')))).toBe('two');
    }
    await expect(look(index, 'a')).rejects.toMatchObject(loss);
    await snapshot[Symbol.asyncDispose]();
    await write(index, [put('a', 'written anew')]);
    expect(await look(index, 'a')).toBe('written anew');
  });

  test('6: a whole row under the key of another is DATA_LOSS', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', 'one'), put('b', 'two')]);
    const stored = (await rig.faults.database.getMany([key('b')]))[0]!;
    await damage(rig, 'a', () => stored);
    await expect(rig.index.get(key('a'))).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  });

  test('6: an examination goes on behind damaged rows, and says which they are', async () => {
    await using rig = await open();
    const { index } = rig;
    await fill(index, 2_500);
    for (const name of ['0000', '1234', '2499']) await damage(rig, name, (stored) => stored.subarray(0, -1));
    await using snapshot = index.snapshot();
    await write(index, [put('9999', 'later')]);
    const seen = await examined(snapshot);
    expect(seen).toHaveLength(2_500);
    expect(seen.filter((row) => row.kind !== 'row')).toEqual(
      ['0000', '1234', '2499'].map((name) => ({
        kind: 'damaged',
        key: key(name),
        message: `the index row ${Buffer.from(key(name)).toString('hex')} does not match its checksum`,
      })),
    );
    expect(
      seen.filter((row) => row.kind === 'row').every((row) => text(row.value) === keyText(row.key)),
    ).toBe(true);
  });

  test('6: an examination gives every row before what cannot be read, and then says so', async () => {
    await using rig = await open();
    await fill(rig.index, 1_500);
    const error = new Failure('DATA_LOSS', 'injected: the block is damaged');
    rig.faults.unreadable = { from: key('1200'), error };
    await using snapshot = rig.index.snapshot();
    const seen = await examined(snapshot);
    expect(seen).toHaveLength(1_201);
    expect(seen.slice(0, -1).map((row) => [row.kind, keyText(row.key)])).toEqual(
      Array.from({ length: 1_200 }, (_, at) => ['row', String(at).padStart(4, '0')]),
    );
    expect(seen.at(-1)).toEqual({ kind: 'unreadable', key: key('1199'), message: error.message });
    rig.faults.unreadable = { from: key(''), error };
    expect(await examined(snapshot)).toEqual([{ kind: 'unreadable', key: key(''), message: error.message }]);
    const other = new Failure('STORE_UNAVAILABLE', 'injected: the disk does not answer');
    rig.faults.unreadable = { from: key('1200'), error: other };
    await expect(examined(snapshot)).rejects.toBe(other);
    expect(rig.faults.openResources).toBe(1);
  });

  test('6: a missing or damaged commit row keeps the index from opening', async () => {
    await using rig = await open();
    for (let round = 0; round < 6; round++) await write(rig.index, [put('a', String(round))]);
    const removed = [2, 3, 5].map((slot): Write => ({ type: 'del', key: commitKey(rig, slot) }));
    await rig.faults.database.batch(removed);
    await expect(rig.reopen()).rejects.toMatchObject({
      reason: 'DATA_LOSS',
      message: 'the index lost commits 2..3, 5',
      loss: { firstCommit: 2, lastCommit: 6 },
    });
  });
}

async function examined(snapshot: Snapshot): Promise<Examined[]> {
  const seen: Examined[] = [];
  for await (const block of snapshot.examine(everything)) seen.push(...block);
  return seen.map((row) => ({ ...row, key: Buffer.from(row.key) }));
}

async function fill(index: Index, count: number, content = (name: string) => name): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => String(at).padStart(4, '0'));
  await write(
    index,
    names.map((name) => put(name, content(name))),
  );
}

function ranges(open: OpenRig): void {
  test('7: iteration is bytewise, whatever the bytes', async () => {
    await using rig = await open();
    const names = [
      '',
      '\0',
      '\0\0',
      '\0\x01',
      '\x01',
      'a',
      'a\0',
      'a\xff',
      'aa',
      'b',
      '\x7f',
      '\x80',
      '\xff',
      '\xff\xff',
    ];
    await write(rig.index, names.map((name) => put(name, name)).reverse());
    const sorted = names.map((name) => Buffer.from(name, 'latin1')).sort(Buffer.compare);
    const expected = sorted.map((name) => name.toString('latin1'));
    expect((await rowsOf(rig.index)).map(([name]) => name)).toEqual(expected);
    const reverse = await rowsOf(rig.index, { ...everything, reverse: true });
    expect(reverse.map(([name]) => name)).toEqual(expected.reverse());
    expect((await rig.index.getMany(sorted.map((name) => key(name.toString('latin1'))))).map(text)).toEqual(
      sorted.map((name) => name.toString('latin1')),
    );
  });

  const cases: [range: { gte: string; lt: string; reverse?: boolean; limit?: number }, expected: string[]][] =
    [
      [{ gte: '1', lt: '4' }, ['1', '2', '3']],
      [{ gte: '1', lt: '4', reverse: true }, ['3', '2', '1']],
      [{ gte: '1', lt: '4', limit: 2 }, ['1', '2']],
      [{ gte: '1', lt: '4', limit: 2, reverse: true }, ['3', '2']],
      [{ gte: '0a', lt: '2a' }, ['1', '2']],
      [{ gte: '0a', lt: '2a', reverse: true }, ['2', '1']],
      [{ gte: '3', lt: '9', reverse: true }, ['5', '4', '3']],
      [{ gte: '', lt: '1', reverse: true }, ['0']],
      [{ gte: '2', lt: '2' }, []],
      [{ gte: '4', lt: '2' }, []],
      [{ gte: '4', lt: '2', reverse: true }, []],
      [{ gte: '6', lt: '9' }, []],
      [{ gte: '6', lt: '9', reverse: true }, []],
      [{ gte: '1', lt: '4', limit: 0 }, []],
      [{ gte: '1', lt: '4', limit: 9 }, ['1', '2', '3']],
    ];
  test.each(cases)('7: the range %j', async (range, expected) => {
    await using rig = await open();
    await write(
      rig.index,
      ['0', '1', '2', '3', '4', '5'].map((name) => put(name, '')),
    );
    const bytes: Range = { ...range, gte: key(range.gte), lt: key(range.lt) };
    expect((await rowsOf(rig.index, bytes)).map(([name]) => name)).toEqual(expected);
    await using snapshot = rig.index.snapshot();
    expect((await rowsOf(snapshot, bytes)).map(([name]) => name)).toEqual(expected);
  });

  test.each([1, 999, 1_000, 1_001, 2_500])('7: %i entries come in full blocks, none empty', async (count) => {
    await using rig = await open();
    // Together far more than the 16 KiB at which LevelDB's iterators stop by default.
    await fill(rig.index, count, (name) => name.repeat(25));
    const sizes: number[] = [];
    for await (const block of rig.index.scan(everything)) sizes.push(block.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(doorLimits.scanBlockEntriesMax);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    expect(sizes).toHaveLength(Math.ceil(count / doorLimits.scanBlockEntriesMax));
    const limited = await rowsOf(rig.index, { ...everything, limit: Math.min(count, 1_500) });
    expect(limited).toHaveLength(Math.min(count, 1_500));
  });

  test('7: blocks are as long as the reader asks, before each of them', async () => {
    await using rig = await open();
    const lengths = [2, 0, 5_000];
    const asked: number[] = [];
    const sizes: number[] = [];
    const nextBlock = () => {
      asked.push(sizes.length);
      return Math.max(1, lengths.shift() ?? 1);
    };
    await fill(rig.index, 1_010, (name) => name);
    for await (const block of rig.index.scan({ ...everything, firstBlock: 3, nextBlock }))
      sizes.push(block.length);
    expect(sizes).toEqual([3, 2, 1, 1_000, 1, 1, 1, 1]);
    expect(asked).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('7: large values come in smaller blocks, and all of them', async () => {
    await using rig = await open();
    await fill(rig.index, 100, (name) => name.repeat(10_000));
    let entries = 0;
    for await (const block of rig.index.scan(everything)) {
      for (const [name, content] of block) expect(text(content)).toBe(keyText(name).repeat(10_000));
      entries += block.length;
    }
    expect(entries).toBe(100);
  });

  test('7: a consumer may stop early or fail', async () => {
    await using rig = await open();
    await fill(rig.index, 2_500);
    for await (const block of rig.index.scan(everything)) {
      expect(block.length).toBe(1_000);
      break;
    }
    const failing = async () => {
      for await (const _block of rig.index.scan(everything)) throw new Error('the consumer failed');
    };
    await expect(failing()).rejects.toThrow('the consumer failed');
    const snapshot = rig.index.snapshot();
    for await (const _block of snapshot.scan(everything)) break;
    expect(rig.faults.openResources).toBe(1);
    await snapshot[Symbol.asyncDispose]();
    expect(rig.faults.openResources).toBe(0);
    await rig.reopen();
    expect(await decide(rig.index, ['0001'], ([found]) => ({ writes: [], result: found }))).toBe('0001');
  });
}
