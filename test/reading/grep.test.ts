import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pattern } from '../../src/reading/pattern.ts';
import type { GrepWindow } from '../../src/reading/window.ts';
import {
  type As,
  anyFrugalHow,
  anyHow,
  anyText,
  bytesOf,
  decoded,
  encoded,
  failureOf,
  linesOf,
  readAll,
  readOnce,
  textOf,
} from './rig.ts';

function grep(pattern: string, window: Partial<GrepWindow> = {}): GrepWindow {
  const usual = { ignoreCase: false, before: 0, after: 0, matchesMax: 100, invert: false };
  return { kind: 'grep', pattern, ...usual, ...window };
}

/** What `grep` would print, with a separator between all groups that are apart. */
function naive(text: string, matches: (line: string) => boolean, before: number, after: number) {
  const lines = linesOf(text);
  const matching = lines.flatMap((line, at) => (matches(line.replace(/\r?\n$/, '')) ? [at] : []));
  const shown = lines.map((_, at) => matching.some((match) => at >= match - before && at <= match + after));
  const parts: string[] = [];
  lines.forEach((line, at) => {
    if (!shown[at]) return;
    if (parts.length > 0 && !shown[at - 1]) parts.push('--\n');
    parts.push(line);
  });
  return { text: parts.join(''), matching: matching.map((at) => at + 1) };
}

const offsetOf = (text: string, line: number, as: As | undefined) =>
  encoded(
    linesOf(text)
      .slice(0, line - 1)
      .join(''),
    as,
  ).length;

const anyWindow = fc.record({
  pattern: fc.constantFrom('a', '^x', 'é$', 'a.*b', '^$', '[ab]+', '😀|€', 'q'),
  before: fc.nat(4),
  after: fc.nat(4),
  matchesMax: fc.integer({ min: 1, max: 4 }),
  invert: fc.boolean(),
});

describe('matching lines', () => {
  it('put together are what grep prints, whatever fits into an answer', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyWindow, fc.oneof(anyHow, anyFrugalHow), async (text, window, how) => {
        const answers = await readAll(text, grep(window.pattern, window), how);
        const regex = new RegExp(window.pattern, 'su');
        const wanted = (line: string) => regex.test(line) !== window.invert;
        const expected = naive(text, wanted, window.before, window.after);
        expect(textOf(answers)).toBe(expected.text);
        const matches = answers.flatMap((answer) => answer.matches!);
        expect(matches.map(({ line }) => line)).toEqual(expected.matching);
        for (const { line, offset } of matches) expect(offset).toBe(offsetOf(text, line, how.as));
        for (const answer of answers) {
          expect(answer.matches!.length).toBeLessThanOrEqual(window.matchesMax);
          const shown = linesOf(bytesOf(answer).toString());
          for (const { textLine, offset } of answer.matches!)
            expect(decoded(encoded(text, how.as).subarray(offset), how.as)).toContain(shown[textLine - 1]!);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('come with where they are', async () => {
    const text = 'one\ntwo\nthree\nfour\nfive\nfive\nsix\n';
    const answer = await readOnce(text, grep('^t|six', { before: 1, after: 1 }));
    expect(answer).toEqual({
      content: { text: 'one\ntwo\nthree\nfour\n--\nfive\nsix\n' },
      startOffset: 0,
      endOffset: text.length,
      firstLine: 1,
      matches: [
        { line: 2, offset: 4, textLine: 2 },
        { line: 3, offset: 8, textLine: 3 },
        { line: 7, offset: 29, textLine: 7 },
      ],
      malformedLines: 0,
      next: undefined,
    });
  });

  it('beyond the most of one answer are known to exist', async () => {
    const text = 'a\na\nb\nb\na\nb\n';
    const first = await readOnce(text, grep('a', { matchesMax: 2, after: 1 }));
    expect(first).toMatchObject({ content: { text: 'a\na\nb\n' }, next: { at: 8, line: 5, match: 5 } });
    const second = await readOnce(text, grep('a', { matchesMax: 2, after: 1 }), {}, first.next);
    expect(second).toMatchObject({ content: { text: '--\na\nb\n' }, next: undefined });
    expect((await readOnce('a\na\nb\n', grep('a', { matchesMax: 2 }))).next).toBeUndefined();
  });

  it('are kept together with what stands before them, where both fit', async () => {
    const text = 'a1\nx\nx\nx\na2\nx\n';
    const answers = await readAll(text, grep('a', { before: 2 }), { answerBytesMax: 12 });
    expect(answers.map(bytesOf).map(String)).toEqual(['a1\n', '--\nx\nx\na2\n']);
    const small = await readAll(text, grep('a', { before: 2 }), { answerBytesMax: 4 });
    expect(small.map(bytesOf).map(String)).toEqual(['a1\n', '--\n', 'x\nx\n', 'a2\n']);
  });

  it('may be none', async () => {
    for (const text of ['', 'x\ny\n'])
      expect(await readOnce(text, grep('a', { before: 2 }))).toMatchObject({
        content: { text: '' },
        matches: [],
        next: undefined,
      });
  });

  it('are looked for in both cases where that is asked for', async () => {
    const text = 'Ärger\nÄRGER\nother\n';
    expect((await readOnce(text, grep('ärger', { ignoreCase: true }))).matches).toHaveLength(2);
    expect((await readOnce(text, grep('ärger'))).matches).toHaveLength(0);
  });

  it('end before their line end, whichever it is', async () => {
    const answer = await readOnce('ab\r\nab\nabc\r\nab', grep('ab$'));
    expect(answer.matches!.map(({ line }) => line)).toEqual([1, 2, 4]);
  });
});

describe('long lines', () => {
  // Blocks of 64 KiB, so that a line of 3 MiB spans many.
  const how = { blockBytes: 64 * 1024, answerBytesMax: 1024 * 1024 };
  const long = `${'€'.repeat(1024 * 1024)}needle`;

  it('are matched by their beginning', async () => {
    const text = `needle\n${long}\nneedle\n`;
    expect((await readOnce(text, grep('needle'), how)).matches!.map(({ line }) => line)).toEqual([1, 3]);
    const answers = await readAll(text, grep('^€'), how);
    expect(textOf(answers)).toBe(`${long}\n`);
    expect(answers.flatMap(({ matches }) => matches)).toEqual([{ line: 2, offset: 7, textLine: 1 }]);
  });

  it('are shown around a match, however little a call reads through', async () => {
    const text = `${long}\n${long}\nneedle\n${long}\nx\n`;
    const answers = await readAll(text, grep('^needle', { before: 1, after: 1 }), {
      ...how,
      bytesMax: 100_000,
    });
    expect(textOf(answers)).toBe(`${long}\nneedle\n${long}\n`);
  });

  it('are passed in whole units, however much of them a pattern looks at', async () => {
    for (let length = 60; length < 72; length++) {
      const window = grep(`qx|${'w'.repeat(length)}`);
      // Of some of these patterns an odd number of bytes decides.
      const { lineBytesMax } = new Pattern('grep.pattern', window.pattern, window);
      const text = `${'z'.repeat(lineBytesMax / 2 + 200)}\nqx\n`;
      const answers = await readAll(text, window, { ...how, as: 'le' });
      expect(answers.flatMap(({ matches }) => matches)).toMatchObject([{ line: 2 }]);
    }
  });

  it('without end are passed over in steps', async () => {
    const answers = await readAll('b'.repeat(5_000_000), grep('a'), {
      blockBytes: 64 * 1024,
      bytesMax: 1_500_000,
    });
    expect(answers.map(({ startOffset }) => startOffset)).toEqual([
      1_507_328, 3_014_656, 4_521_984, 5_000_000,
    ]);
    expect(textOf(answers)).toBe('');
  });
});

describe('patterns', () => {
  it('that would make others try every way give their answer', async () => {
    const line = `${'a'.repeat(200_000)}b`;
    expect((await readOnce(`${line}\n${'a'.repeat(50)}\n`, grep('^(a+)+$'))).matches).toMatchObject([
      { line: 2 },
    ]);
    expect((await readOnce(line, grep('(x+x+)+y'))).matches).toEqual([]);
    expect((await readOnce(line, grep('(a|aa)+[cd]'))).matches).toEqual([]);
  });

  it.each([
    ['', /is required/],
    ['(', /missing closing \)/],
    ['a(?=b)', /unsupported Perl syntax: `\(\?=`/],
    ['a(?!b)', /unsupported Perl syntax: `\(\?!`/],
    ['(?<=a)b', /invalid named capture/],
    ['(a)\\1', /invalid escape sequence: `\\1`/],
    ['a{1001}', /invalid repeat count/],
    ['*', /missing argument/],
    [`${'é'.repeat(512)}a`, /at most 1024 bytes, not 1025/],
    ['\\pL{900}\\pL{900}\\pL{900}\\pL{900}\\pL{900}', /too large/],
  ])('are refused (%#)', async (pattern, why) => {
    const failure = await failureOf(Promise.resolve().then(() => readOnce('text', grep(pattern))));
    expect(failure.reason).toBe('INVALID_ARGUMENT');
    expect(failure.violations[0]!.field).toBe('grep.pattern');
    expect(failure.violations[0]!.description).toMatch(why);
  });

  it('of 1 KiB are taken', async () => {
    const pattern = 'x'.repeat(1024);
    expect((await readOnce(`x\n${pattern}\n`, grep(pattern))).matches).toMatchObject([{ line: 2 }]);
  });

  it('find what stands for bytes that are no text', async () => {
    const bytes = Uint8Array.of(0x61, 0x0a, 0xff, 0x0a);
    expect((await readOnce(bytes, grep('\ufffd'))).matches).toMatchObject([{ line: 2 }]);
    // A replacement character is as good as any other.
    expect((await readOnce('\ufffd\n', grep('\ufffd'))).matches).toHaveLength(1);
  });

  it('that take long give what they found in time', async () => {
    const text = 'ab\n'.repeat(2_000_000);
    let now = 0;
    const elapsed = () => now++;
    const answer = await readOnce(text, grep('c'), { elapsed, millisecondsMax: 3 });
    expect(answer).toMatchObject({ content: { text: '' }, matches: [] });
    expect(answer.endOffset).toBeLessThan(text.length);
    expect(answer.next).toMatchObject({ at: answer.endOffset });
  });
});
