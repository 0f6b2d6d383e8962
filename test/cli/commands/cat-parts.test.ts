/** Parts of artifacts on the command line: what the service finds, shown as users expect it. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrepLines } from '../../../src/cli/output/grep-lines.ts';
import { openCommandLine } from '../support.ts';

let opened: Awaited<ReturnType<typeof openCommandLine>>;

beforeEach(async () => {
  opened = await openCommandLine();
});
afterEach(() => opened[Symbol.asyncDispose]());

const cli: typeof opened.cli = (...line) => opened.cli(...line);
const push = (name: string, content: string | Uint8Array) =>
  opened.client.push(content, { session: 'run', name });

/** More than one piece of 1 MiB. */
const many = Array.from({ length: 50_000 }, (_, at) => `${at + 1} ${'x'.repeat(40)}\n`);
const log = many.join('');

describe('cat', () => {
  const parts: [readonly string[], string][] = [
    [['--lines', '10:12'], many.slice(9, 12).join('')],
    [['--lines', '49999:'], many.slice(49_998).join('')],
    [['--lines', ':2'], many.slice(0, 2).join('')],
    [['--lines', '7'], many[6]!],
    [['--lines', '60000:'], ''],
    [['--lines', '1:'], log],
    [['--head', '3'], many.slice(0, 3).join('')],
    [['--tail', '2'], many.slice(-2).join('')],
    [['--tail', '49999'], many.slice(1).join('')],
    [['--grep', '^(7|49) '], many[6]! + many[48]!],
    [['--grep', '^49 X', '-i'], many[48]!],
    [['--grep', '^49 X'], ''],
    [['--grep', '^(1|2|4) ', '--invert', '--max-bytes', '60'], many[2]!],
    [['--grep', '^(3|9) ', '-C', '1'], `${many.slice(1, 4).join('')}--\n${many.slice(7, 10).join('')}`],
    [['--grep', '^(3|9) ', '-A', '1'], `${many.slice(2, 4).join('')}--\n${many.slice(8, 10).join('')}`],
    [['--grep', '^9 ', '-B', '1', '-n'], `8-${many[7]}9:${many[8]}`],
    [['--grep', '^(3|9) ', '-n'], `3:${many[2]}9:${many[8]}`],
    [['--grep', 'x'], log],
    [['--max-bytes', '5'], '1 xxx'],
    [['--max-bytes', '5', '--offset', '2'], 'xxxxx'],
    [['--offset', '1KiB', '--limit', '0.5KiB'], log.slice(1_024, 1_536)],
    [['--offset', '0', '--limit', '0'], ''],
  ];

  it.each(parts)('%j shows that part', async (flags, expected) => {
    await push('log', log);
    const { code, text } = await cli(['cat', 'run/log', ...flags]);
    expect(code).toBe(0);
    expect(text).toBe(expected);
  });

  it('shows values of documents and rows of tables', async () => {
    await push('data.json', '{"rows": [{"total": 42}]}');
    expect((await cli(['cat', 'run/data.json', '--pointer', '/rows/0/total'])).text).toBe('42');
    await push('t.csv', 'id,name,total\n1,"a, b",10\n2,c,20\n');
    expect((await cli(['cat', 'run/t.csv', '--csv', '2:'])).text).toBe('id,name,total\n2,c,20\n');
    const some = await cli(['cat', 'run/t.csv', '--csv', '1:1', '--columns', 'total,name']);
    expect(some.text).toBe('total,name\n10,"a, b"\n');
    await push('t.txt', 'a;b\n1;2\n');
    expect((await cli(['cat', 'run/t.txt', '--csv', '1:', '--columns', 'b', '--delimiter', ';'])).text).toBe(
      'b\n2\n',
    );
  });

  it('shows bytes as they are, and says if there are more', async () => {
    await push('bytes', Uint8Array.of(1, 0xff, 2, 3, 4, 5));
    const ran = await cli(['cat', 'run/bytes', '--max-bytes', '4']);
    expect([...ran.stdout]).toEqual([1, 0xff, 2, 3]);
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /^artifacta: the artifact, or the selected part of it, has more bytes; .*\n$/,
      ),
    });
    expect((await cli(['cat', 'run/bytes', '--max-bytes', '6'])).stderr).toBe('');
  });

  it.each([
    [['--lines', '0:3'], 2, /--lines takes FIRST:LAST/],
    [['--lines', '4:3'], 2, /--lines takes FIRST:LAST/],
    [['--lines', ':'], 2, /--lines takes FIRST:LAST/],
    [['--lines', 'x'], 2, /--lines takes FIRST:LAST/],
    [['--head', '0'], 2, /--head takes a whole number from 1/],
    [['--head', '1', '--tail', '1'], 2, /--head and --tail each select a part of the artifact/],
    [['--head', '1', '--offset', '1'], 2, /--offset and --limit count bytes of the whole/],
    [['--offset', '-1'], 2, /--offset takes a number of bytes, e.g. 4096 or 100MiB/],
    [['--limit', '1x'], 2, /--limit takes a number of bytes, e.g. 4096 or 100MiB/],
    [['-i'], 2, /--ignore-case needs --grep/],
    [['--head', '1', '-A', '1'], 2, /--after needs --grep/],
    [['--columns', 'a'], 2, /--columns needs --csv/],
    [['--grep', '('], 2, /grep\.pattern: must be a valid RE2 regular expression/],
    [['--grep', 'x', '-C', '21'], 2, /--context takes a whole number from 0 to 20/],
    [['--max-bytes', '3'], 2, /--max-bytes takes at least 4 bytes/],
    [['--pointer', '/x'], 1, /CONTENT_UNSUITABLE/],
    [['--csv', '1:', '--columns', 'x'], 2, /csv\.columns\[0\]/],
    [['--csv', '1:', '--delimiter', '||'], 2, /csv\.delimiter/],
  ])('%j is refused', async (flags, code, message) => {
    await push('a', 'a,b\n1,2\n');
    expect(await cli(['cat', 'run/a', ...flags])).toMatchObject({
      code,
      stderr: expect.stringMatching(message),
      text: '',
    });
  });
});

describe('numbered lines', () => {
  it('have their numbers, whatever fits into a piece', async () => {
    const line = fc.constantFrom('a', 'ab', '--', 'b', '', 'long and a', 'é'.repeat(9));
    const options = fc.record({
      before: fc.nat(3),
      after: fc.nat(3),
      maxBytes: fc.integer({ min: 4, max: 40 }),
      maxMatches: fc.integer({ min: 1, max: 3 }),
    });
    let pushed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 25 }), options, async (lines, given) => {
        const { before, after, maxBytes, maxMatches } = given;
        const matches = lines.flatMap((text, at) => (text.includes('a') ? [at] : []));
        const isNear = (at: number) => matches.some((match) => match - before <= at && at <= match + after);
        const expected: string[] = [];
        lines.forEach((text, at) => {
          if (!isNear(at)) return;
          if (expected.length > 0 && !isNear(at - 1)) expected.push('--\n');
          expected.push(`${at + 1}${text.includes('a') ? ':' : '-'}${text}\n`);
        });
        const { artifact } = await push(`n${pushed++}`, lines.map((text) => `${text}\n`).join(''));
        const shown = new GrepLines({ numbers: true, before, after, separators: true });
        const window = { grep: { pattern: 'a', before, after, maxMatches } };
        let text = '';
        for await (const piece of opened.client.pieces(artifact.id, { window, maxBytes }))
          text += shown.text(piece);
        expect(text).toBe(expected.join(''));
      }),
      { numRuns: 200 },
    );
  });
});
