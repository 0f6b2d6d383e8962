import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Window } from '../../src/reading/window.ts';
import {
  type As,
  anyFrugalHow,
  anyHow,
  anyText,
  bytesOf,
  decoded,
  encoded,
  joined,
  linesOf,
  readAll,
  readOnce,
  textOf,
} from './rig.ts';

const from = (first: number, count?: number): Window => ({ kind: 'lines', first, count });
const last = (lines: number): Window => ({ kind: 'tail', lines });

/** What must hold between an answer and the content. */
function expectInPlace(text: string, as: As | undefined, answers: Awaited<ReturnType<typeof readAll>>): void {
  const bytes = encoded(text, as);
  for (const answer of answers) {
    const { startOffset, endOffset, firstLine } = answer;
    expect(decoded(bytes.subarray(startOffset, endOffset), as)).toBe(textOf([answer]));
    const before = decoded(bytes.subarray(0, startOffset), as);
    if (startOffset === endOffset) expect(firstLine).toBeUndefined();
    else expect(firstLine).toBe(before.split('\n').length);
  }
}

describe('lines', () => {
  it('put together are the lines of the text', async () => {
    const count = fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.integer({ min: 1, max: 24 }),
        count,
        anyHow,
        async (text, first, n, how) => {
          const answers = await readAll(text, from(first, n), how);
          const lines = linesOf(text);
          expect(textOf(answers)).toBe(
            lines.slice(first - 1, n === undefined ? undefined : first - 1 + n).join(''),
          );
          expectInPlace(text, how.as, answers);
        },
      ),
    );
  });

  it('are found however little one call reads through', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.integer({ min: 1, max: 24 }), anyFrugalHow, async (text, first, how) => {
        expect(textOf(await readAll(text, from(first), how))).toBe(
          linesOf(text)
            .slice(first - 1)
            .join(''),
        );
      }),
    );
  });

  it('are whole where they fit', async () => {
    const { content, next } = await readOnce('one\r\ntwo\r\nthree', from(1), { answerBytesMax: 12 });
    expect(content).toEqual({ text: 'one\r\ntwo\r\n' });
    expect(next).toMatchObject({ at: 10, line: 3 });
  });

  it('that are too long are cut between characters', async () => {
    const answers = await readAll('€€€\nx', from(1), { answerBytesMax: 4 });
    expect(answers.map(bytesOf).map(String)).toEqual(['€', '€', '€\n', 'x']);
    expect(answers.map(({ firstLine }) => firstLine)).toEqual([1, 1, 1, 2]);
  });

  it('beyond the last are none', async () => {
    for (const text of ['', 'a', 'a\n', 'a\nb\n'])
      expect(await readOnce(text, from(3))).toEqual({
        content: { text: '' },
        startOffset: text.length,
        endOffset: text.length,
        malformedLines: 0,
        next: undefined,
      });
  });
});

describe('the last lines', () => {
  it('put together from the end are the last lines of the text', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.integer({ min: 1, max: 24 }), anyHow, async (text, count, how) => {
        const answers = (await readAll(text, last(count), how)).reverse();
        expect(textOf(answers)).toBe(linesOf(text).slice(-count).join(''));
        expectInPlace(text, how.as, answers);
      }),
    );
  });

  it('leave out the earliest that do not fit', async () => {
    const answers = await readAll('one\ntwo\nthree\nfour', last(3), { answerBytesMax: 11 });
    expect(answers.map(bytesOf).map(String)).toEqual(['three\nfour', 'two\n']);
    expect(answers.map(({ firstLine }) => firstLine)).toEqual([3, 2]);
  });

  it('have no numbers where the content is too long to be counted', async () => {
    const [answer] = await readAll('a\n'.repeat(100), last(2), { blockBytes: 8, bytesMax: 100 });
    expect(answer).toMatchObject({ content: { text: 'a\na\n' }, startOffset: 196, endOffset: 200 });
    expect(answer).not.toHaveProperty('firstLine');
  });
});

describe('bytes', () => {
  const some = (offset: number, limit?: number): Window => ({ kind: 'bytes', offset, limit });

  it('of text put together are the text, from the beginning of a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.nat(120),
        fc.option(fc.nat(80), { nil: undefined }),
        anyHow,
        async (text, offset, limit, how) => {
          const bytes = Buffer.from(text);
          const isWithin = (at: number) => at < bytes.length && (bytes[at]! & 0xc0) === 0x80;
          let start = Math.min(offset, bytes.length);
          while (isWithin(start)) start--;
          let end = Math.min(limit === undefined ? bytes.length : start + limit, bytes.length);
          while (isWithin(end)) end--;
          const answers = await readAll(bytes, some(offset, limit), how);
          expect(textOf(answers)).toBe(bytes.subarray(start, end).toString());
          expect(answers[0]!.startOffset).toBe(start);
        },
      ),
    );
  });

  it('of anything put together are those bytes', async () => {
    const mixed = fc
      .array(
        fc.oneof(
          fc.uint8Array({ maxLength: 6 }),
          anyText.map((text) => Buffer.from(text)),
        ),
      )
      .map((parts) => Buffer.concat(parts));
    await fc.assert(
      fc.asyncProperty(mixed, anyHow, async (bytes, how) => {
        const answers = await readAll(bytes, some(0), how);
        expect(joined(answers).equals(bytes)).toBe(true);
        let at = 0;
        for (const answer of answers) {
          expect(answer.startOffset).toBe(at);
          at += bytesOf(answer).length;
          expect(answer.endOffset).toBe(at);
        }
      }),
    );
  });

  it('are data where they are not UTF-8', async () => {
    const bytes = Uint8Array.of(0x61, 0xe2, 0x82);
    expect((await readOnce(bytes, some(0))).content).toEqual({ data: Buffer.from(bytes) });
    expect((await readOnce(bytes, some(0, 1))).content).toEqual({ text: 'a' });
  });

  it('beyond the end are none', async () => {
    expect(await readOnce('abc', some(7))).toEqual({
      content: { text: '' },
      startOffset: 3,
      endOffset: 3,
      next: undefined,
    });
  });
});
