import { Buffer, isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Window } from '../../src/reading/window.ts';
import {
  anyFrugalHow,
  anyHow,
  anyText,
  bytesOf,
  failureOf,
  linesOf,
  readAll,
  readOnce,
  textOf,
} from './rig.ts';

/** Text with bytes that are none: single ones, parts of characters, halves of surrogate pairs. */
const bad = fc.oneof(
  fc
    .constantFrom('ff', 'e9', '80', 'e282', 'f09f98', 'eda080', 'c0af', 'f4908080', 'e9e8')
    .map((hex) => Buffer.from(hex, 'hex')),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
);
const anyUtf8 = fc
  .array(
    fc.oneof(
      anyText.map((text) => Buffer.from(text)),
      bad,
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts))
  .filter((bytes) => !/^(efbbbf|fffe|feff|0000feff)/.test(bytes.toString('hex')));
const unit = fc.constantFrom(
  'a',
  'x',
  'b',
  'é',
  '€',
  '😀',
  '\n',
  '\r\n',
  '\ud800',
  '\udc00',
  '\u0a0a',
  '\u0a00',
  '\u000d',
);
const anyUtf16 = fc
  .tuple(fc.array(unit, { maxLength: 30 }), fc.boolean(), fc.boolean())
  .map(([units, isBig, isCut]) => {
    const bytes = Buffer.from(`\ufeff${units.join('')}\na`, 'utf16le');
    return (isBig ? bytes.swap16() : bytes).subarray(0, isCut ? -1 : undefined);
  });
const anyBytes = fc.oneof(anyUtf8, anyUtf16);
const anyPlainHow = fc
  .oneof(anyHow, anyFrugalHow)
  .map((how) => ({ ...how, as: 'utf-8' as const, blockBytes: 2 * (how.blockBytes ?? 1) }));

/** The text, and how many of its lines from `first` to `last` are malformed, computed by the platform. */
function expected(bytes: Buffer) {
  const mark = bytes.toString('hex', 0, 2);
  if (mark !== 'fffe' && mark !== 'feff') {
    const lines = linesOf(bytes.toString('latin1')).map((line) => Buffer.from(line, 'latin1'));
    return { lines: lines.map(String), malformed: lines.map((line) => !isUtf8(line)) };
  }
  const units = new TextDecoder(mark === 'fffe' ? 'utf-16le' : 'utf-16be').decode(bytes);
  // The platform's text is well-formed: the same units with their halves tell which lines were not.
  const even = Buffer.from(bytes.subarray(2, bytes.length & ~1));
  const raw =
    (mark === 'fffe' ? even : even.swap16()).toString('utf16le') + (bytes.length % 2 ? '\ud800' : '');
  return { lines: linesOf(units), malformed: linesOf(raw).map((line) => !line.isWellFormed()) };
}

const count = (malformed: readonly boolean[]) => malformed.filter(Boolean).length;
const sum = (answers: readonly { readonly malformedLines?: number }[]) =>
  answers.reduce((total, { malformedLines = 0 }) => total + malformedLines, 0);

describe('UTF-32', () => {
  const windows: Window[] = [
    { kind: 'lines', first: 1, count: 1 },
    { kind: 'head', first: 1, count: 1 },
    { kind: 'tail', lines: 1 },
    { kind: 'grep', pattern: 'a', before: 0, after: 0, matchesMax: 1, ignoreCase: false, invert: false },
    { kind: 'json', pointer: '' },
    { kind: 'csv', first: 1, count: 1, columns: [], delimiter: '' },
  ];
  /** The text with its mark. */
  const utf32 = (text: string, end: 'LE' | 'BE') =>
    Buffer.concat(
      [...`\ufeff${text}`].map((character) => {
        const unit = Buffer.alloc(4);
        unit[`writeUInt32${end}`](character.codePointAt(0)!);
        return unit;
      }),
    );

  it.each(windows)('is refused by name: $kind', async (window) => {
    for (const end of ['LE', 'BE'] as const)
      for (const text of ['', 'a', 'a,b\nc,😀\n']) {
        const { reason, message } = await failureOf(readOnce(utf32(text, end), window));
        expect({ reason, message }).toEqual({
          reason: 'CONTENT_UNSUITABLE',
          message: expect.stringMatching(/: it is UTF-32; download it .* or read it as bytes$/),
        });
      }
  });

  it('is read as bytes, and what is shorter or has no mark is none', async () => {
    const bytes = utf32('ab', 'LE');
    const whole = await readOnce(bytes, { kind: 'bytes', offset: 0, limit: undefined });
    expect(Buffer.compare(bytesOf(whole), bytes)).toBe(0);
    for (const head of ['fffe', 'fffe00', 'fffe0001', '0000fe', '0000fffe', '000000fe'])
      expect(await readOnce(Buffer.from(head, 'hex'), { kind: 'head', first: 1, count: 1 })).toBeDefined();
  });
});

describe('bytes that are no text', () => {
  it('cost their line: it is shown with U+FFFD, and counted once', async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, fc.integer({ min: 1, max: 12 }), anyPlainHow, async (bytes, first, how) => {
        const { lines, malformed } = expected(bytes);
        const forwards = await readAll(bytes, { kind: 'lines', first, count: undefined }, how);
        expect(textOf(forwards)).toBe(lines.slice(first - 1).join(''));
        expect(sum(forwards)).toBe(count(malformed.slice(first - 1)));
        const backwards = await readAll(bytes, { kind: 'tail', lines: first }, how);
        expect(textOf(backwards.reverse())).toBe(lines.slice(-first).join(''));
        expect(sum(backwards)).toBe(count(malformed.slice(-first)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('are searched as they are shown, and counted once wherever they are', async () => {
    const anyContext = fc.tuple(fc.nat(3), fc.nat(3));
    await fc.assert(
      fc.asyncProperty(anyBytes, anyContext, anyPlainHow, async (bytes, [before, after], how) => {
        const { lines, malformed } = expected(bytes);
        const window: Window = {
          kind: 'grep',
          pattern: 'a|\ufffd',
          ignoreCase: false,
          invert: false,
          matchesMax: 3,
          before,
          after,
        };
        const answers = await readAll(bytes, window, how);
        const matching = lines.flatMap((line, at) => (/a|\ufffd/.test(line) ? [at + 1] : []));
        expect(answers.flatMap(({ matches }) => matches!.map(({ line }) => line))).toEqual(matching);
        expect(sum(answers)).toBe(count(malformed));
        const shown = lines.filter((_, at) =>
          matching.some((one) => at + 1 >= one - before && at + 1 <= one + after),
        );
        expect(textOf(answers).replaceAll('--\n', '')).toBe(shown.join('').replaceAll('--\n', ''));
      }),
      { numRuns: 1_000 },
    );
  });

  it('cost a row of a table', async () => {
    const bytes = Buffer.from('n\xe4me,b\r\n1,"\xff\n"\r\n\xe9,2\r\n3,4\r\n', 'latin1');
    const table = (columns: string[]): Window => ({
      kind: 'csv',
      first: 1,
      count: undefined,
      columns,
      delimiter: '',
    });
    for (const answerBytesMax of [4, 7, 16_384]) {
      const answers = await readAll(bytes, table([]), { answerBytesMax });
      expect(textOf(answers)).toBe('n\ufffdme,b\n1,"\ufffd\n"\n\ufffd,2\n3,4\n');
      expect(sum(answers)).toBe(3);
    }
    // A column is found as it is shown, and what is not shown costs nothing.
    expect((await readOnce(bytes, table(['n\ufffdme']))).malformedLines).toBe(2);
    expect((await readOnce(bytes, table(['b']))).malformedLines).toBe(1);
    const utf16 = Buffer.from('\ufeffa;b\n\ud800;1\n\ufffd;€😀\n', 'utf16le');
    expect(await readOnce(utf16, table([]))).toMatchObject({
      content: { text: 'a;b\n\ufffd;1\n\ufffd;€😀\n' },
      malformedLines: 1,
    });
  });

  it('cost nothing but their place in a JSON document', async () => {
    const json = (pointer: string): Window => ({ kind: 'json', pointer });
    const bytes = Buffer.from('{"k\xe9": "caf\xe9",\n "b": ["\xff",\n1]}', 'latin1');
    expect(await readOnce(bytes, json('/k\ufffd'))).toMatchObject({
      content: { text: '"caf\ufffd"' },
      malformedLines: 1,
    });
    expect(await readOnce(bytes, json('/b/1'))).toMatchObject({ content: { text: '1' }, malformedLines: 0 });
    for (const answerBytesMax of [4, 5, 16_384]) {
      const answers = await readAll(bytes, json(''), { answerBytesMax });
      expect(textOf(answers)).toBe(bytes.toString('utf8'));
      expect(sum(answers)).toBe(2);
    }
    const utf16 = Buffer.from('\ufeff{"é😀": "\ud800", "b": "€"}', 'utf16le').swap16();
    expect(await readOnce(utf16, json('/é😀'))).toMatchObject({
      content: { text: '"\ufffd"' },
      malformedLines: 1,
    });
    expect(await readOnce(utf16, json('/b'))).toMatchObject({ content: { text: '"€"' }, malformedLines: 0 });
  });
});
