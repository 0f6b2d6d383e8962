/** Tables: the columns in view, and what differs between two tables. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TableRead, tableDifference } from '../../src/console/contents/table-difference.ts';
import {
  columnNamed,
  columnsInView,
  columnsMax,
  placeColumns,
} from '../../src/console/parts/columns-in-view.ts';

describe('columns in view', () => {
  const thousand = Array.from({ length: 1_000 }, (_, at) => 60 + (at % 7) * 40);

  it('are all of a narrow table', () => {
    const places = placeColumns([50, 60, 70], 3_840);
    expect(places.starts).toEqual([0, 50, 110, 180]);
    expect(columnsInView(places, { left: 0, width: 100 })).toEqual({ first: 0, end: 3 });
    expect(columnsInView(placeColumns([], 100), { left: 0, width: 100 })).toEqual({ first: 0, end: 0 });
  });

  it('cover the view wherever it is, and are at most 40, on screens of any width', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 8_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (width, part) => {
          const places = placeColumns(thousand, width);
          const all = places.starts.at(-1)!;
          const left = Math.max(0, all - width) * part;
          const { first, end } = columnsInView(places, { left, width });
          expect(end - first).toBeLessThanOrEqual(columnsMax);
          expect(places.starts[first]!).toBeLessThanOrEqual(left);
          expect(places.starts[end]!).toBeGreaterThanOrEqual(Math.min(all, left + width) - 1e-6);
        },
      ),
      { seed: 3 },
    );
  });

  it('do not leave the table when it is scrolled too far', () => {
    const places = placeColumns(thousand, 1_000);
    const { first, end } = columnsInView(places, { left: 10_000_000, width: 1_000 });
    expect([first < end, end]).toEqual([true, 1_000]);
  });

  it('are found by name, by its beginning, and by number', () => {
    const names = ['id', 'Name', 'name_2', '3', 'x'];
    const found = ['ID', 'na', 'name_', '3', '5', 'me_', '0', '6', '', 'y', '1.5'].map((text) =>
      columnNamed(names, text),
    );
    expect(found).toEqual([0, 1, 2, 3, 4, 2, undefined, undefined, undefined, undefined, undefined]);
  });
});

const table = (columns: string, ...rows: readonly string[]): TableRead => ({
  columns: columns.split(','),
  rows: rows.map((row) => row.split(',')),
});

const told = (before: TableRead, after: TableRead) =>
  tableDifference(before, after).rows.map(({ kind, before: was, after: is, cells, old }) =>
    [kind, was ?? '-', is ?? '-', cells.join(','), [...old].map(([at, text]) => `${at}:${text}`).join()].join(
      ' ',
    ),
  );

describe('the difference of two tables', () => {
  it('is by the first unique column, wherever the rows are', () => {
    const before = table('id,sum', '1,5', '2,6', '3,7', '4,8');
    const after = table('id,sum', '4,8', '2,60', '5,9', '1,5');
    expect(tableDifference(before, after)).toMatchObject({ key: 'id', sameCount: 2, isByNumber: false });
    expect(told(before, after)).toEqual(['removed 2 - 3,7 ', 'changed 1 1 2,60 1:6', 'added - 2 5,9 ']);
  });

  it('is by the order of rows if no column is unique', () => {
    const before = table('a,b', 'x,1', 'x,2', 'y,3', 'x,1');
    const after = table('a,b', 'x,1', 'new,0', 'x,2', 'y,4', 'x,1');
    expect(tableDifference(before, after)).toMatchObject({ key: undefined, sameCount: 3 });
    expect(told(before, after)).toEqual(['added - 1 new,0 ', 'changed 2 3 y,4 1:3']);
  });

  it('does not take measured numbers for keys', () => {
    const before = table('loss,step', '0.5,1', '0.25,2');
    const after = table('loss,step', '0.5,1', '0.125,2');
    expect(tableDifference(before, after).key).toBe('step');
    expect(told(before, after)).toEqual(['changed 1 1 0.125,2 0:0.25']);
  });

  it('names columns that came and went, also those of equal names', () => {
    const before = table('id,x,x,gone', '1,a,b,c');
    const after = table('id,x,x,new', '1,a,B,d');
    const found = tableDifference(before, after);
    expect([found.columns, found.addedColumns, found.removedColumns]).toEqual([
      ['id', 'x', 'x (2)', 'new', 'gone'],
      ['new'],
      ['gone'],
    ]);
    expect(told(before, after)).toEqual(['changed 0 0 1,a,B,d, 2:b,4:c']);
  });

  it('of equal tables is empty, and of one without rows is the other', () => {
    const some = table('a', '1', '2');
    expect(told(some, some)).toEqual([]);
    expect(told(table('a'), some)).toEqual(['added - 0 1 ', 'added - 1 2 ']);
    expect(told(some, table('a'))).toEqual(['removed 0 - 1 ', 'removed 1 - 2 ']);
  });

  it('of tables that have nothing in common ends soon', () => {
    const rows = (from: number) => Array.from({ length: 20_000 }, (_, at) => [`${from + (at % 9_000)}`, 'x']);
    const began = performance.now();
    const found = tableDifference(
      { columns: ['a', 'b'], rows: rows(0) },
      { columns: ['a', 'b'], rows: rows(50_000) },
    );
    expect([found.isByNumber, found.rows.length]).toEqual([true, 20_000]);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('makes the table after of the one before', () => {
    const cell = fc.constantFrom('', 'a', 'b', 'c', '1', '2');
    const rows = fc.array(fc.tuple(cell, cell, cell), { maxLength: 12 });
    fc.assert(
      fc.property(rows, rows, (old, young) => {
        const columns = ['x', 'y', 'z'];
        const { rows: changed, sameCount } = tableDifference(
          { columns, rows: old },
          { columns, rows: young },
        );
        const count = (kind: string) => changed.filter((row) => row.kind === kind).length;
        expect(sameCount + count('changed') + count('removed')).toBe(old.length);
        expect(sameCount + count('changed') + count('added')).toBe(young.length);
        for (const { before, after, cells, old: were } of changed) {
          expect(cells).toEqual(after === undefined ? old[before!] : young[after]);
          for (const [at, text] of were) expect(text).toBe(old[before!]![at]);
        }
      }),
      { seed: 5 },
    );
  });
});
