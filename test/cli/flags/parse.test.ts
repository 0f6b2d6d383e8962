import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/exit.ts';
import { mapInOrder } from '../../../src/cli/files/in-order.ts';
import { spreadValues } from '../../../src/cli/flags/argv.ts';
import { parseBytes, parseCount, parsePairs, parseRef, parseTime } from '../../../src/cli/flags/parse.ts';
import { displayWidth, humanSize, humanTime, plain } from '../../../src/cli/output/human.ts';
import { tableLines } from '../../../src/cli/output/table.ts';
import { generatedSession } from '../../../src/client/sessions/session-id.ts';

const id = 'art_01h455vb4pex5vsknk084sn02q';

describe('values that follow a flag', () => {
  const m = '--meta';
  it.each([
    [
      [m, 'a=1', 'b=2', 'file'],
      [m, 'a=1', m, 'b=2', 'file'],
    ],
    [
      ['file', m, 'a=1', 'b=2', '--json'],
      ['file', m, 'a=1', m, 'b=2', '--json'],
    ],
    [
      [m, 'a=1', './b=2'],
      [m, 'a=1', './b=2'],
    ],
    [
      [m, 'a=1', '--', 'b=2', m, 'c=3', 'd=4'],
      [m, 'a=1', '--', 'b=2', m, 'c=3', 'd=4'],
    ],
    [
      [m, 'file'],
      [m, 'file'],
    ],
    [[m], [m]],
    [
      ['--input', id, id, 'x'],
      ['--input', id, '--input', id, 'x'],
    ],
    [
      ['--label', 'x=y=z', 'w='],
      ['--label', 'x=y=z', '--label', 'w='],
    ],
    [
      ['--expect', 'a=1', 'b=2'],
      ['--expect', 'a=1', 'b=2'],
    ],
  ])('%j', (given, meant) => {
    expect(spreadValues(given)).toEqual(meant);
  });
});

describe('times', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1.5h', 5_400_000],
  ])('%s', (text, ms) => expect(parseTime('--ttl', text)).toBe(ms));

  it.each(['', '7', 'd', '-1d', '0s', '7 d', '7D', '1e3s', '7dd', `${'9'.repeat(30)}w`])(
    'not "%s"',
    (text) => {
      expect(() => parseTime('--ttl', text)).toThrow(UsageError);
    },
  );

  it('have a range, which is told', () => {
    const lease = (text: string) => parseTime('--lease', text, { min: '10s', max: '30d' });
    expect([lease('10s'), lease('720h')]).toEqual([10_000, 2_592_000_000]);
    expect(() => lease('9.9s')).toThrow('--lease takes at least 10s; got "9.9s"');
    expect(() => lease('30.1d')).toThrow('--lease takes at most 30d; got "30.1d"');
    expect(parseTime('--min-age', '0h', { min: '0s' })).toBe(0);
  });
});

describe('sizes', () => {
  it.each([
    ['1', 1],
    ['4096B', 4_096],
    ['1.5KiB', 1_536],
    ['5GB', 5_000_000_000],
    ['1TiB', 2 ** 40],
  ])('%s', (text, bytes) => expect(parseBytes('--bytes', text)).toBe(bytes));

  it.each(['', 'x', '-1', '1e3', '5G', '5 GB', '5gb', '0', '0.4B', '9999PiB'])('not "%s"', (text) => {
    expect(() => parseBytes('--bytes', text)).toThrow(UsageError);
  });

  it('have a range, which is told', () => {
    expect(() => parseBytes('--max-bytes', '3', 4)).toThrow('--max-bytes takes at least 4 bytes; got "3"');
    expect(() => parseBytes('--max-bytes', '9', 4, 8)).toThrow('--max-bytes takes at most 8 bytes; got "9"');
  });
});

describe('pairs', () => {
  it('split at the first =', () => {
    expect(parsePairs('--meta', ['a=1', 'b=x=y', 'c='])).toEqual({ a: '1', b: 'x=y', c: '' });
    const hostile = parsePairs('--meta', ['__proto__=x']);
    expect(Object.keys(hostile)).toEqual(['__proto__']);
  });

  it.each([['novalue'], ['=x'], ['a=1', 'a=2']])('%s is refused', (...texts) => {
    expect(() => parsePairs('--meta', texts)).toThrow(/--meta/);
  });
});

describe('references', () => {
  it('are ids or names in a session', () => {
    expect(parseRef(id, undefined)).toEqual({ id });
    expect(parseRef('run_42/a/b@c.md', 3)).toEqual({ session: 'run_42', name: 'a/b@c.md', version: 3 });
    expect(parseRef(`${id}/x`, undefined)).toEqual({ session: id, name: 'x', version: undefined });
  });

  it('are nothing else', () => {
    for (const text of ['run_42', '/x', 'run_42/', ''])
      expect(() => parseRef(text, undefined)).toThrow(UsageError);
    expect(() => parseRef(id, 1)).toThrow(/--version/);
    for (const text of ['-1', '1.5', 'x', '', '99999999999999999999'])
      expect(() => parseCount('--limit', text, 0)).toThrow(UsageError);
    expect(() => parseCount('--limit', '0', 1)).toThrow(UsageError);
  });
});

it('generated sessions sort by time and differ', () => {
  const time = new Date(Date.UTC(2026, 0, 31, 23, 59, 58));
  expect(generatedSession(time, () => 0.5)).toBe('run_20260131-235958_gggggg');
  expect(generatedSession(time, () => 0)).not.toBe(generatedSession(time, () => 0.999_999));
});

describe('what people read', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [99.96 * 1024, '100 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
  ])('%d bytes', (bytes, text) => expect(humanSize(bytes)).toBe(text));

  it('has times to the second', () => {
    expect(humanTime(new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)))).toBe('2026-01-02 03:04:05Z');
    expect(humanTime(undefined)).toBe('-');
  });

  it('cannot steer a terminal', () => {
    expect(plain('a\u001b[2J\nb\u202ec\u009b')).toBe('a\\u001b[2J\\u000ab\\u202ec\\u009b');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\u202a-\u202e]/u.test(plain(text))),
    );
  });

  it('stands in columns, also in other scripts', async () => {
    expect(displayWidth('漢字')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    async function* rows() {
      yield ['a', '1', 'x'];
      yield ['漢字', '22', 'y'];
      yield ['longer', '333', 'z'];
    }
    const lines: string[] = [];
    const columns = [{ title: 'NAME' }, { title: 'N', right: true }, { title: 'END' }];
    for await (const line of tableLines(columns, rows())) lines.push(line);
    expect(lines).toEqual(['NAME      N  END', 'a         1  x', '漢字     22  y', 'longer  333  z']);
  });

  it('has no heading over nothing', async () => {
    async function* none(): AsyncGenerator<string[]> {}
    for await (const line of tableLines([{ title: 'A' }], none())) throw new Error(line);
  });
});

describe('working in order', () => {
  it('is bounded, and gives results as the items came', async () => {
    let running = 0;
    let most = 0;
    async function* items() {
      for (let at = 0; at < 40; at++) yield at;
    }
    const results: number[] = [];
    const work = async (item: number) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < (item * 7) % 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      running--;
      return item;
    };
    for await (const result of mapInOrder(items(), 4, () => true, work)) results.push(result);
    expect(results).toEqual(Array.from({ length: 40 }, (_, at) => at));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });
});
