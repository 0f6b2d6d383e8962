import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CsvWindow } from '../../src/reading/window.ts';
import { anyFrugalHow, anyHow, bytesOf, failureOf, readAll, readOnce, textOf } from './rig.ts';

function rows(first = 1, window: Partial<CsvWindow> = {}): CsvWindow {
  return { kind: 'csv', first, count: undefined, columns: [], delimiter: ',', ...window };
}

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
const plain = (cells: readonly string[], delimiter = ',') =>
  `${cells.map((cell) => (/["\r\n]/.test(cell) || cell.includes(delimiter) ? quoted(cell) : cell)).join(delimiter)}\n`;

const cell = fc.string({
  unit: fc.constantFrom('a', 'b', ',', ';', '"', '\n', '\r', ' ', 'é', '😀'),
  maxLength: 6,
});

/** A table, and one of the ways to write it. */
const anyTable = fc
  .record({
    columns: fc.integer({ min: 2, max: 4 }),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    mark: fc.constantFrom('', '\ufeff'),
    lastEnd: fc.constantFrom('', '\n', '\n\n'),
    quotesAll: fc.boolean(),
  })
  .chain(({ columns, lineEnd, mark, lastEnd, quotesAll }) =>
    fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 12 }).map((body) => {
      const header = Array.from({ length: columns }, (_, at) => `c${at}`);
      const written = [header, ...body].map((row) =>
        row.map((one) => (quotesAll || /[",\r\n]/.test(one) ? quoted(one) : one)).join(','),
      );
      return { header, body, text: `${mark}${written.join(lineEnd)}${lastEnd}` };
    }),
  );

describe('rows of a table', () => {
  it('put together are those of the table, after its header', async () => {
    const count = fc.option(fc.nat(14), { nil: undefined });
    const how = fc.oneof(anyHow, anyFrugalHow);
    await fc.assert(
      fc.asyncProperty(
        anyTable,
        fc.integer({ min: 1, max: 14 }),
        count,
        how,
        async (table, first, n, how) => {
          const text = how.as === 'utf-8' ? table.text : table.text.replace('\ufeff', '');
          const answers = await readAll(text, rows(first, { count: n }), how);
          const body = table.body.slice(first - 1, n === undefined ? undefined : first - 1 + n);
          expect(textOf(answers)).toBe([table.header, ...body].map((row) => plain(row)).join(''));
          const numbers = answers.flatMap(({ firstLine }) => firstLine ?? []);
          expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
          if (body.length > 0) expect(numbers[0]).toBe(first);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('have the columns that were asked for, in that order', async () => {
    const text = 'id,näme,total\n1,"x, y",2\n3,z,4\n';
    const window = rows(1, { columns: ['total', 'näme', 'total'] });
    expect((await readOnce(text, window)).content).toEqual({ text: 'total,näme,total\n2,"x, y",2\n4,z,4\n' });
  });

  it.each([
    ['a;b\n1,5;"x,y"\n', 'a'],
    ['"a,x";b;c\n1;2;3\n', 'b'],
    ['a\tb\n1\t2\n', 'b'],
    ['a|b;c|d\n1|2|3\n', 'b;c'],
    ['"a\n;;;;",b\r\n1,2\n', 'b'],
  ])('are separated by what the header has (%#)', async (text, column) => {
    const byHeader = { delimiter: '', columns: [column] };
    for (const as of ['utf-8', 'marked', 'le', 'be'] as const) {
      const answer = textOf(await readAll(text, rows(1, byHeader), { as }));
      expect(answer.startsWith(`${column}\n`)).toBe(true);
    }
  });

  it('before one that is none come out, and then what is wrong with it', async () => {
    const good = 'a,b\n1,2\n3,4\n';
    for (const bad of [
      '5\n',
      '5,6,7\n',
      '5,x"y\n',
      '"5"x,6\n',
      '"5,6\n',
      `"${'x'.repeat(1024 * 1024 + 1)}",2\n`,
    ])
      for (const as of ['utf-8', 'le'] as const) {
        const answer = await readOnce(`${good}${bad}7,8\n`, rows(), { as });
        expect(answer.content).toEqual({ text: good });
        const failure = await failureOf(readOnce(`${good}${bad}7,8\n`, rows(), { as }, answer.next));
        expect(failure).toMatchObject({ reason: 'CONTENT_UNSUITABLE' });
        expect(failure.message).toContain('row 3');
      }
  });

  it('are separated as the table is', async () => {
    const text = 'a\tb\n1\t"x\ty"\n2\t,\n';
    expect((await readOnce(text, rows(1, { delimiter: '\t' }))).content).toEqual({ text });
    const byType = rows(1, { delimiter: '' });
    for (const contentType of ['text/tab-separated-values', 'text/tab-separated-values; charset=utf-8'])
      expect((await readOnce(text, byType, { contentType })).content).toEqual({ text });
    expect((await readOnce('a,b\n1,2\n', byType, { contentType: 'text/csv' })).content).toEqual({
      text: 'a,b\n1,2\n',
    });
  });

  it('may have one column, and be empty there', async () => {
    expect((await readOnce('a\n1\n\n2\n', rows(2))).content).toEqual({ text: 'a\n\n2\n' });
  });

  it('are whole where they fit, and else are cut between characters', async () => {
    const answers = await readAll('a,b\n1,2\n€€€,3\n4,5', rows(), { answerBytesMax: 8 });
    expect(answers.map(bytesOf).map(String)).toEqual(['a,b\n1,2\n', '€€', '€,3\n4,5\n'.slice(0, 4), '4,5\n']);
    expect(answers.map(({ firstLine }) => firstLine)).toEqual([1, 2, 2, 3]);
  });

  it('beyond the last leave the header alone', async () => {
    for (const window of [rows(3), rows(1, { count: 0 })])
      expect(await readOnce('a,b\n1,2\n', window)).toEqual({
        content: { text: 'a,b\n' },
        malformedLines: 0,
        next: undefined,
      });
  });

  it('go on without the rows before', async () => {
    const text = `a,b\n${'1,2\n'.repeat(2_000)}`;
    const first = await readOnce(text, rows(1_900), { blockBytes: 64, answerBytesMax: 40 });
    const broken = Buffer.from(text).fill('"', 4, 4 * 1_900);
    const second = await readOnce(broken, rows(1_900), { blockBytes: 64, answerBytesMax: 40 }, first.next);
    expect(second.content).toEqual({ text: '1,2\n'.repeat(10) });
    expect(second.firstLine).toBe(1_909);
  });
});

describe('what is no table', () => {
  it.each([
    ['', /it is empty/],
    ['\ufeff', /it is empty/],
    ['a,b\n1\n', /row 1 has 1 cell; the header has 2, with "," between cells; the row begins at byte 4$/],
    ['a,b\n1,2\n1,2,3\n', /row 2 has 3 cells; the header has 2, .* byte 8$/],
    ['a,b\n\n1,2\n\n1,2,3\n', /row 2 has 3 cells; the header has 2, .* byte 10$/],
    ['a,b\n"1,2\n', /row 1: a quoted cell does not end; it begins at byte 4$/],
    ['a,b\n1,x"y\n', /an unquoted cell contains a quote/],
    ['a,b\n"1"x,2\n', /continues after its closing quote/],
    [`a,b\n"${'x'.repeat(1024 * 1024 + 1)}",2\n`, /row 1: it has more than 1048576 bytes/],
  ])('is unsuitable (%#)', async (text, why) => {
    const failure = await failureOf(readAll(text, rows()));
    expect(failure.reason).toBe('CONTENT_UNSUITABLE');
    expect(failure.message).toMatch(why);
  });

  it('a column that it lacks is bad input', async () => {
    const failure = await failureOf(readOnce('a,b\n1,2\n', rows(1, { columns: ['a', 'x'] })));
    expect(failure).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      violations: [{ field: 'csv.columns[1]', description: 'must be a column of the table: "a", "b"' }],
    });
  });
});
