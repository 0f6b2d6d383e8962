/** The lists of the console: what is in them, and which rows exist. */
import { describe, expect, it } from 'vitest';
import { fromNow, readTtl, shellWord, size, span, utc } from '../../src/console/base/format.ts';
import { layOut, measures } from '../../src/console/lineage/layout.ts';
import { rowsInView } from '../../src/console/parts/rows-in-view.ts';
import { piecesOf } from '../../src/console/session/output-pieces.ts';
import {
  type FeedRow,
  failureIn,
  firstFailure,
  keptRowsMax,
  linesOf,
  missingOutputs,
  Rows,
} from '../../src/console/session/rows.ts';
import {
  complete,
  knownFrom,
  questionOf,
  quoted,
  withAnswer,
} from '../../src/console/sessions/completion.ts';
import { asTree, refreshed } from '../../src/console/sessions/merge.ts';

describe('rows in view', () => {
  it('are those of the view and some more, never beyond the list', () => {
    const view = { height: 100, rowHeight: 10, length: 1_000, spare: 2 };
    expect(rowsInView({ ...view, top: 0 })).toEqual({ first: 0, end: 12 });
    expect(rowsInView({ ...view, top: 500 })).toEqual({ first: 48, end: 62 });
    expect(rowsInView({ ...view, top: 9_900 })).toEqual({ first: 988, end: 1_000 });
    expect(rowsInView({ ...view, top: 1e9 })).toEqual({ first: 999, end: 1_000 });
    expect(rowsInView({ ...view, top: 0, length: 0 })).toEqual({ first: 0, end: 0 });
  });
});

function row(
  sequence: number,
  name: string,
  more: { version?: number; agent?: string; failed?: string } = {},
): FeedRow {
  const { version = 1, agent = '', failed } = more;
  return {
    sequence,
    time: sequence,
    deletedId: '',
    artifact: {
      id: `art_${sequence}`,
      name,
      version,
      bytes: 10,
      contentType: 'text/plain',
      agent,
      isOnHold: false,
      failed,
    },
  };
}

const deletion = (sequence: number, of: number): FeedRow => ({
  sequence,
  time: sequence,
  artifact: undefined,
  deletedId: `art_${of}`,
});

describe('the events of a session', () => {
  it('are kept once each, and the latest of very many', () => {
    const rows = new Rows();
    for (const sequence of [1, 2, 2, 1, 3]) rows.add(row(sequence, `n${sequence}`));
    expect(rows.all.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    for (let sequence = 4; sequence <= 100_000; sequence++) rows.add(row(sequence, 'n'));
    expect(rows.all.length).toBeLessThan(keptRowsMax * 1.1);
    expect(rows.all.length + rows.dropped).toBe(100_000);
    expect(rows.all.at(-1)!.sequence).toBe(100_000);
  });

  const rows = [
    row(1, 'b', { agent: 'x' }),
    row(2, 'a', { agent: 'y' }),
    row(3, 'b', { agent: 'x', version: 2 }),
    row(4, 'c', { agent: 'x' }),
    deletion(5, 4),
  ];
  const shown = (view: Parameters<typeof linesOf>[1], search = '') =>
    linesOf(rows, view, search).map((line) =>
      line.kind === 'group'
        ? `${line.name}: ${line.count}`
        : `${line.row.sequence}${line.isGone ? ' gone' : ''} of ${line.versions}`,
    );

  it('are shown by time, by name and by agent', () => {
    expect(shown('flat')).toEqual(['5 of 1', '4 gone of 1', '3 of 1', '2 of 1', '1 of 1']);
    expect(shown('name')).toEqual(['2 of 1', '3 of 2']);
    expect(shown('agent')).toEqual(['x: 1', '3 of 2', 'y: 1', '2 of 1']);
    expect(shown('flat', 'Y')).toEqual(['2 of 1']);
    expect(shown('name', 'nothing')).toEqual([]);
  });

  it('show what is missing, and not what was deleted', () => {
    expect(missingOutputs(['a', 'c', 'd'], rows)).toEqual(['c', 'd']);
    expect(missingOutputs([], rows)).toEqual([]);
  });

  it('show what failed first', () => {
    expect(failureIn({ status: 'Failed' }, {})).toBe('status = Failed');
    expect(failureIn({}, { error: 'no such file' })).toBe('error: no such file');
    expect(failureIn({ status: 'ok', error: '' }, { result: 'fine' })).toBeUndefined();
    const failing = [row(1, 'a'), row(2, 'b', { failed: 'x' }), row(3, 'c', { failed: 'y' })];
    expect(firstFailure(failing)?.sequence).toBe(2);
    expect(firstFailure(rows)).toBeUndefined();
  });
});

function session(id: string, metadata: Record<string, string> = {}, artifactCount = 0n) {
  const counts = { sizeBytes: 0n, lastSequence: artifactCount, holdCount: 0n };
  return { id, uid: `ses_${id}`, etag: 'e', artifactCount, ...counts, metadata };
}

describe('the output of a command', () => {
  it('is its pieces in their order, then the whole; lists by name show the whole alone', () => {
    const names = [
      '.run/stdout.parts/000002',
      '.run/stdout.parts/000001',
      '.run/stderr.parts/000001',
      'a.txt',
    ];
    const rows = names.map((name, at) => row(at + 1, name));
    expect(piecesOf(rows, 'stdout').pieces.map(({ name }) => name)).toEqual([names[1], names[0]]);
    expect(piecesOf(rows, 'stdout').whole).toBeUndefined();
    const ended = [...rows, row(5, '.run/stdout')];
    expect(piecesOf(ended, 'stdout').whole?.id).toBe('art_5');
    const shown = linesOf(ended, 'name', '').map((line) => line.kind === 'event' && line.row.artifact?.name);
    expect(shown).toEqual(['.run/stdout', 'a.txt']);
  });
});

describe('sessions', () => {
  const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id).join(' ');

  it('appear, change and go, and older pages stay', () => {
    const before = ['e', 'd', 'c', 'b', 'a'].map((id) => session(id));
    expect(
      ids(
        refreshed(
          before,
          ['f', 'e', 'd'].map((id) => session(id)),
          false,
        ),
      ),
    ).toBe('f e d c b a');
    expect(
      ids(
        refreshed(
          before,
          ['e', 'c'].map((id) => session(id)),
          false,
        ),
      ),
    ).toBe('e c b a');
    expect(ids(refreshed(before, [], true))).toBe('');
    expect(
      ids(
        refreshed(
          before,
          ['x', 'y'].map((id) => session(id)),
          false,
        ),
      ),
    ).toBe('x y e d c b a');
    const grown = refreshed(before, [session('e', {}, 1n), session('d')], false);
    expect([ids(grown), grown[0]!.artifactCount]).toEqual(['e d c b a', 1n]);
  });

  it('are the same list if nothing changed', () => {
    const before = ['b', 'a'].map((id) => session(id));
    expect(
      refreshed(
        before,
        ['b', 'a'].map((id) => session(id)),
        true,
      ),
    ).toBe(before);
    expect(refreshed(before, [session('b')], false)).toBe(before);
  });

  it('are a tree of runs within runs, whatever their metadata says', () => {
    const tree = asTree([
      session('c', { parent: 'a' }),
      session('b', { parent: 'missing' }),
      session('d', { parent: 'c' }),
      session('a'),
      session('x', { parent: 'y' }),
      session('y', { parent: 'x' }),
      session('self', { parent: 'self' }),
    ]);
    expect(tree.map(({ session: { id }, depth }) => `${id}${depth}`)).toEqual([
      'b0',
      'a0',
      'c1',
      'd2',
      'self0',
      'x0',
      'y1',
    ]);
  });
});

describe('completion', () => {
  const known = knownFrom([
    { metadata: { agent: 'claude', 'a.b': 'x' }, labels: { note: 'two words' } },
    { metadata: { agent: 'claude', pipeline: 'billing' }, labels: {} },
  ]);
  const options = (text: string, caret = text.length) => complete(text, caret, known).options;

  it('offers fields, keys of the results, and values of both', () => {
    expect(options('')).toContain('session.outcome ');
    expect(options('metadata.')).toEqual(['metadata.agent ', 'metadata."a.b" ', 'metadata.pipeline ']);
    expect(options('session.outcome = ')).toEqual(['SUCCEEDED', 'FAILED', 'CANCELLED', 'ABANDONED']);
    expect(options('session.outcome = "fa')).toEqual(['FAILED']);
    expect(options('metadata.agent=')).toEqual(['claude']);
    expect(options('labels.note = ')).toEqual(['"two words"']);
    expect(options('create_time > now')).toEqual(['now-1h', 'now-1d', 'now-7d']);
    expect(options('session.outcome = FAILED ')).toEqual(['AND', 'OR']);
  });

  it('replaces the word at the caret, and nothing within quotes', () => {
    expect(complete('met AND x', 3, known)).toMatchObject({ from: 0, to: 3 });
    expect(complete('metadata.agent = cl', 19, known)).toMatchObject({
      from: 17,
      to: 19,
      options: ['claude'],
    });
    expect(options('name = "met')).toEqual([]);
  });

  it.each([
    ['metadata.', { field: 'metadata', prefix: '' }],
    ['session = a AND (labels.no', { field: 'labels', prefix: 'no' }],
    ['metadata."a.', { field: 'metadata', prefix: 'a.' }],
    ['metadata.agent = ', { field: 'metadata.agent', prefix: '' }],
    ['metadata.agent="two wo', { field: 'metadata.agent', prefix: 'two wo' }],
    ['metadata."a.b" = x', { field: 'metadata."a.b"', prefix: 'x' }],
    ['session: run', { field: 'session', prefix: 'run' }],
    ['session.outcome = F', undefined],
    ['create_time > now', undefined],
    ['met', undefined],
    ['metadata.agent = a ', undefined],
    ['xmetadata.a', undefined],
  ])('asks the service about %j', (text, question) => {
    expect(questionOf(text, text.length)).toEqual(question);
  });

  it('offers what the service has answered', () => {
    const keys = withAnswer(known, { field: 'metadata', prefix: '' }, ['step', 'agent', 'c d']);
    expect(complete('metadata.', 9, keys).options).toEqual([
      'metadata.agent ',
      'metadata."a.b" ',
      'metadata.pipeline ',
      'metadata.step ',
      'metadata."c d" ',
    ]);
    const values = withAnswer(known, { field: 'metadata.agent', prefix: 'c' }, ['claude', 'codex']);
    expect(complete('metadata.agent = c', 18, values).options).toEqual(['claude', 'codex']);
  });

  it('quotes values', () => {
    expect(quoted('a "b" \\ *')).toBe('"a \\"b\\" \\\\ \\*"');
  });
});

describe('texts', () => {
  it('of sizes, spans and times', () => {
    expect([0, 1_023, 1_024, 1_536, 1_048_575, 5 * 2 ** 30].map(size)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '1.0 MiB',
      '5.0 GiB',
    ]);
    expect([900, 61_000, 90_000_000].map(span)).toEqual(['0 s', '1 min', '1 d']);
    expect([fromNow(0, 5_000), fromNow(8_000_000, 0), fromNow(10, 0)]).toEqual(['5 s ago', 'in 2 h', 'now']);
    expect([utc(0), utc(Number.NaN), utc(1e300)]).toEqual(['1970-01-01 00:00:00Z', 'unknown', 'unknown']);
  });

  it('that people type', () => {
    expect(['90s', '7d', ' 2 h ', '1w'].map(readTtl)).toEqual([90n, 604_800n, 7_200n, 604_800n]);
    expect(['', '0d', '-1d', '7', 'd', '1.5h', '99999999999s'].map(readTtl)).toEqual(
      Array(7).fill(undefined),
    );
    expect([shellWord('run_42'), shellWord("it's; rm")]).toEqual(['run_42', `'it'\\''s; rm'`]);
  });
});

describe('the drawing of lineage', () => {
  it('puts every node into its column, and no two onto each other', () => {
    const nodes = [
      { id: 'start', level: 0 },
      ...['a', 'b', 'c'].map((id) => ({ id, level: -1 })),
      { id: 'out', level: 1 },
    ];
    const lines = ['a', 'b', 'c'].map((from) => ({ from, to: 'start' }));
    const { places, width, height } = layOut(nodes, [...lines, { from: 'start', to: 'out' }]);
    expect(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(5);
    expect(places.get('a')!.x).toBe(0);
    expect(places.get('out')!.x).toBe(2 * (measures.width + measures.gapX));
    for (const { x, y } of places.values()) {
      expect(x + measures.width).toBeLessThanOrEqual(width);
      expect(y + measures.height).toBeLessThanOrEqual(height);
    }
  });
});
