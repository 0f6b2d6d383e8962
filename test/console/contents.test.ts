/** What the console makes of bytes and texts. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { hasEscapes, spansOf } from '../../src/console/contents/ansi.ts';
import { kindOf, looksLikeText, otherKinds } from '../../src/console/contents/choose.ts';
import { rowsOf, typeOfColumn } from '../../src/console/contents/csv.ts';
import { hexLines } from '../../src/console/contents/hex-lines.ts';
import { imageSize } from '../../src/console/contents/image-size.ts';
import { type JsonNode, parsePartial } from '../../src/console/contents/partial-json.ts';
import { joined, linesIn } from '../../src/console/contents/text-pieces.ts';
import { messageOf } from '../../src/console/contents/transcript.ts';
import { entriesIn, findDirectory } from '../../src/console/contents/zip.ts';
import { png } from '../browser/console/png.ts';

describe('the preview', () => {
  it.each([
    ['report.json', 'application/json', 'json'],
    ['x', 'application/problem+json; charset=utf-8', 'json'],
    ['log.jsonl', 'application/octet-stream', 'lines of json'],
    ['a.csv', 'text/plain', 'table'],
    ['page', 'text/html', 'html'],
    ['page.txt', 'text/html; charset=utf-8', 'html'],
    ['a.svg', 'image/svg+xml', 'svg'],
    ['a.png', 'image/png', 'image'],
    ['a.heic', 'image/heic', 'hex'],
    ['s/.run/stdout', 'application/octet-stream', 'text'],
    ['a.parquet', 'application/octet-stream', 'parquet'],
    ['study.ipynb', 'application/json', 'json'],
    ['unknown', 'application/octet-stream', 'hex'],
    ['unknown', 'x/y', 'hex'],
  ])('of %s as %s is %s', (name, type, kind) => {
    expect(kindOf(name, type)).toBe(kind);
    expect(otherKinds(kindOf(name, type))).not.toContain(kind);
  });

  it('tells text from other bytes', () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(looksLikeText(bytes('größer\n\x1b[31mred'))).toBe(true);
    expect(looksLikeText(bytes('a\0b'))).toBe(false);
    expect(looksLikeText(Uint8Array.from({ length: 256 }, (_, at) => (at % 31) + 1))).toBe(false);
    expect(looksLikeText(new Uint8Array())).toBe(true);
  });
});

describe('colours of terminals', () => {
  const styles = (line: string) => spansOf(line).map(({ text, style }) => [text, style]);

  it('begin and end with their sequences', () => {
    expect(styles('a\x1b[1;31mb\x1b[0mc\x1b[38;5;196md\x1b[39m\x1b[48;2;0;0;255me')).toEqual([
      ['a', ''],
      ['b', 'fore-red bold'],
      ['c', ''],
      ['d', 'fore-red'],
      ['e', 'back-blue'],
    ]);
  });

  it('leave out what moves the cursor, sets titles, or is cut', () => {
    expect(styles('\x1b]0;title\x07a\x1b[2Kb\x1b[10;20Hc\x1b(Bd\x1b[')).toEqual([
      ['a', ''],
      ['b', ''],
      ['c', ''],
      ['d', ''],
    ]);
  });

  it('show what a carriage return left', () => {
    expect(styles('10 %\r50 %\r100 %\r')).toEqual([['100 %', '']]);
    expect(hasEscapes('plain')).toBe(false);
  });

  it('of a line of a megabyte take a moment', () => {
    const line = '\x1b[31mx'.repeat(200_000);
    const began = performance.now();
    expect(spansOf(line).length).toBeLessThan(10_000);
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe('JSON of which the beginning came', () => {
  const plain = (node: JsonNode | undefined): unknown => {
    if (node === undefined) return undefined;
    if (node.kind === 'array') return node.members.map(plain);
    if (node.kind === 'object') return Object.fromEntries(node.members.map((one) => [one.key, plain(one)]));
    return node.isCut ? `${node.text} …` : (JSON.parse(node.text) as unknown);
  };

  it.each(['{}', '[]', '[1,-2.5e3,true,null,"a\\"b"]', '{"a":{"b":[{"c/d~":"x"}]},"":1}', '"text"', '17'])(
    '%s is whole',
    (text) => {
      expect(plain(parsePartial(text))).toEqual(JSON.parse(text));
      expect(parsePartial(text)!.isCut).toBe(false);
    },
  );

  it('has pointers, with the root that it was read from', () => {
    const root = parsePartial('{"a/b":[{"m~n":1}]}', '/from');
    const [list] = root!.members;
    const [item] = list!.members;
    expect([root!.pointer, list!.pointer, item!.members[0]!.pointer]).toEqual([
      '/from',
      '/from/a~1b',
      '/from/a~1b/0/m~0n',
    ]);
  });

  it('is as much as came, wherever it was cut', () => {
    const text = '{"rows":[{"id":1,"name":"Ada"},{"id":2,"name":"Bob"}],"total":2}';
    for (let end = 1; end < text.length; end++) {
      const cut = parsePartial(text.slice(0, end));
      expect([end, cut?.kind, cut?.isCut]).toEqual([end, 'object', true]);
    }
    expect(plain(parsePartial(text.slice(0, 27)))).toEqual({ rows: [{ id: 1, name: '"Ad …' }] });
  });

  it('is nothing where the text is something else', () => {
    for (const text of ['', 'hello', '}', '<html>', ']']) expect(parsePartial(text)).toBeUndefined();
  });

  it('is no deeper than memory, and no wider than what can be shown', () => {
    expect(parsePartial('['.repeat(200_000))?.isCut).toBe(true);
    expect(parsePartial(`[${'1,'.repeat(200_000)}1]`)?.members.length).toBe(49_999);
  });
});

describe('lines in pieces', () => {
  const piece = (text: string, firstLine: number | undefined, nextCursor = '') => ({
    text,
    data: undefined,
    firstLine,
    startOffset: 0,
    endOffset: 0,
    nextCursor,
    malformedLines: 0,
    matches: new Map<number, number>(),
  });

  it('are numbered, and a line that was cut goes on', () => {
    const first = linesIn(piece('a\nb\nlong beg', 7, 'more'));
    expect(first.map(({ number, text, isWhole }) => [number, text, isWhole])).toEqual([
      [7, 'a', true],
      [8, 'b', true],
      [9, 'long beg', false],
    ]);
    const both = joined(first, linesIn(piece('inning\nend', 9)));
    expect(both.map(({ number, text }) => [number, text])).toEqual([
      [7, 'a'],
      [8, 'b'],
      [9, 'long beginning'],
      [10, 'end'],
    ]);
  });

  it('of a search have the numbers of their matches', () => {
    const found = linesIn({
      ...piece('before\nhit\n--\nhit 2\n', 3),
      matches: new Map([
        [2, 4],
        [4, 90],
      ]),
    });
    expect(found.map(({ number, isMatch }) => [number, isMatch])).toEqual([
      [undefined, false],
      [4, true],
      [undefined, false],
      [90, true],
    ]);
  });

  it('do not grow with a line that never ends', () => {
    let lines = linesIn(piece('x'.repeat(5_000), 1, 'more')) as ReturnType<typeof joined>;
    for (let at = 0; at < 50; at++) lines = joined(lines, linesIn(piece('x'.repeat(100_000), 1, 'more')));
    expect(lines).toHaveLength(1);
    expect(lines[0]!.text.length).toBeLessThan(200_000);
  });
});

describe('messages', () => {
  it.each([
    [{ role: 'user', content: 'hi' }, 'user', ['text hi']],
    [{ type: 'assistant', message: { content: [{ type: 'text', text: 'yes' }] } }, 'assistant', ['text yes']],
    [
      { role: 'assistant', content: null, tool_calls: [{ function: { name: 'f', arguments: '{"a":1}' } }] },
      'assistant',
      ['call f {"a":1}'],
    ],
    [
      { role: 'tool', content: [{ type: 'tool_result', content: [{ type: 'text', text: 'out' }] }] },
      'tool',
      ['result out'],
    ],
    [{ role: 'user', content: [{ type: 'image' }, 3] }, 'user', ['other {\n "type": "image"\n}', 'other 3']],
  ])('%j', (value, role, parts) => {
    const message = messageOf(value)!;
    expect([message.role, message.parts.map(({ kind, text }) => `${kind} ${text}`)]).toEqual([role, parts]);
  });

  it('are not what has no role or no content', () => {
    for (const value of [null, 3, 'x', [], {}, { role: 'x' }, { content: 'x' }, { role: 1, content: 'x' }])
      expect(messageOf(value)).toBeUndefined();
  });
});

describe('tables', () => {
  it('have quoted cells, empty ones, and any end of line', () => {
    expect(rowsOf('a,b\r\n"x ""y""\nz",\n,2')).toEqual([
      ['a', 'b'],
      ['x "y"\nz', ''],
      ['', '2'],
    ]);
    expect(rowsOf('a;b,c\n', ';')).toEqual([['a', 'b,c']]);
    expect(rowsOf('')).toEqual([]);
  });

  it('have types of columns', () => {
    expect(typeOfColumn(['1', '-2.5e3', ''])).toBe('number');
    expect(typeOfColumn(['2026-01-02', '2026-01-02 03:04'])).toBe('time');
    expect(typeOfColumn(['true', 'False'])).toBe('truth');
    expect(typeOfColumn(['1', 'x'])).toBe('text');
    expect(typeOfColumn(['', ''])).toBe('text');
  });
});

describe('binary contents', () => {
  it('have the size of an image in their head, whatever the file has', () => {
    expect(imageSize(png(3, 2))).toEqual({ width: 3, height: 2 });
    expect(imageSize(png(3, 2, { width: 60_000, height: 50_000 }))).toEqual({
      width: 60_000,
      height: 50_000,
    });
    const gif = Buffer.from('GIF89a\x05\x00\x07\x00'.padEnd(40, '\0'), 'latin1');
    expect(imageSize(gif)).toEqual({ width: 5, height: 7 });
    const jpeg = Buffer.from(
      'ffd8ffe000104a46494600010100000100010000ffc0001108010002000301220002110103',
      'hex',
    );
    expect(imageSize(jpeg)).toEqual({ width: 512, height: 256 });
    expect(imageSize(Buffer.from('not an image, but text of some length'))).toBeUndefined();
    expect(imageSize(new Uint8Array(3))).toBeUndefined();
    expect(imageSize(Buffer.from(`ffd8${'ff'.repeat(60)}`, 'hex'))).toBeUndefined();
  });

  it('are an archive by their end', () => {
    const zip = zipSync({ 'a.txt': new Uint8Array(10), 'dir/ü.bin': new Uint8Array(5_000) });
    const directory = findDirectory(zip.subarray(-200))!;
    expect(directory.count).toBe(2);
    const entries = entriesIn(zip.subarray(directory.offset, directory.offset + directory.bytes));
    expect(entries.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['a.txt', 10],
      ['dir/ü.bin', 5_000],
    ]);
    expect(findDirectory(new Uint8Array(100))).toBeUndefined();
    expect(findDirectory(new Uint8Array(3))).toBeUndefined();
    expect(entriesIn(new Uint8Array(1_000))).toEqual([]);
  });

  it('are lines of sixteen bytes', () => {
    expect(hexLines(new TextEncoder().encode('0123456789abcdefXY\n'), 32)).toEqual([
      '00000020  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef',
      '00000030  58 59 0a                                         XY·',
    ]);
  });
});
