import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonScanner } from '../../src/domain/json/json-scanner.ts';
import type { Window } from '../../src/reading/window.ts';
import { anyHow, bytesOf, failureOf, readAll, readOnce, textOf } from './rig.ts';

const at = (pointer: string): Window => ({ kind: 'json', pointer });

function escaped(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Every value of a document by its pointer. */
function values(value: unknown, pointer = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[pointer, value]];
  const members = Object.entries(value).flatMap(([key, one]) => values(one, `${pointer}/${escaped(key)}`));
  return [[pointer, value], ...members];
}

// Not "\\": JSON.parse of Node 24 takes other keys that are escaped for it, once it has seen that one.
const key = fc.constantFrom('a', 'b', '', '0', '1', '/', '~', '~1', 'é', '"', '__proto__', '😀');
const { document } = fc.letrec((tie) => ({
  document: fc.oneof(
    { depthSize: 'medium' },
    fc.jsonValue({ maxDepth: 0 }),
    fc.array(tie('document'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('document')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

function accepts(text: string): boolean {
  try {
    const scanner = new JsonScanner(Buffer.from(text), 0, []);
    while (!scanner.scan(7));
    return true;
  } catch {
    return false;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('a value of a JSON document', () => {
  it('is found by its pointer, put together from any pages', async () => {
    await fc.assert(
      fc.asyncProperty(document, fc.nat(), fc.nat(3), anyHow, async (value, which, indent, how) => {
        const text = JSON.stringify(value, null, indent);
        const all = values(JSON.parse(text));
        const [pointer, expected] = all[which % all.length]!;
        const found = textOf(await readAll(text, at(pointer), how));
        expect(text).toContain(found);
        expect(JSON.parse(found)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('comes as it was written', async () => {
    const text = '\ufeff {"n": 12345678901234567890.10, "s":"\\u00e9" , "o": { "a" : [ 1 ] } }\n';
    expect((await readOnce(text, at('/n'))).content).toEqual({ text: '12345678901234567890.10' });
    expect((await readOnce(text, at('/s'))).content).toEqual({ text: '"\\u00e9"' });
    expect((await readOnce(text, at('/o'))).content).toEqual({ text: '{ "a" : [ 1 ] }' });
    expect((await readOnce(text, at(''))).content).toEqual({ text: text.slice(2, -1) });
  });

  it('is found by keys however they are escaped', async () => {
    const text = '{"\\\\": 1, "\\"": 2, "\\u0061\\/\\n": 3, "\\ud83d\\ude00": 4}';
    for (const [pointer, found] of Object.entries({ '/\\': '1', '/"': '2', '/a~1\n': '3', '/😀': '4' }))
      expect((await readOnce(text, at(pointer))).content).toEqual({ text: found });
  });

  it('has no offsets', async () => {
    expect(Object.keys(await readOnce('[1]', at('/0'))).sort()).toEqual([
      'content',
      'malformedLines',
      'next',
    ]);
  });

  it('is the last of those with its key', async () => {
    const text = '{"a": {"b": 1, "c": 2}, "a": {"b": 3}, "d": {"b": 4}}';
    expect((await readOnce(text, at('/a/b'))).content).toEqual({ text: '3' });
    expect((await failureOf(readOnce(text, at('/a/c')))).message).toContain(
      '"/a" is an object with the keys "b"',
    );
  });

  it('goes on without searching again', async () => {
    const text = `{"a": "${'x'.repeat(5_000)}", "b": "${'€'.repeat(20)}"}`;
    const how = { blockBytes: 64, answerBytesMax: 32 };
    const first = await readOnce(text, at('/b'), how);
    // Nothing but the value is good JSON any more.
    const broken = Buffer.from(text).fill('?', 0, 5_010);
    const second = await readOnce(broken, at('/b'), how, first.next);
    expect(bytesOf(first).toString() + bytesOf(second).toString()).toBe(`"${'€'.repeat(20)}"`);
  });
});

describe('what is no JSON says where it stops being that', () => {
  it.each<[string | Buffer, string]>([
    ['', 'expected a value at byte 0, in line 1, where it ends'],
    ['hello\n', 'expected a value at byte 0, in line 1'],
    ['{"a": 1,\n "b": tru}', 'expected true at byte 18, in line 2'],
    ['{\n"a": 1\n', 'expected "," or "}" at byte 9, in line 3, where it ends'],
    ['\ufeff[1,\n2\n3]', 'expected "," or "]" at byte 9, in line 3'],
    [Buffer.from('\ufeff[1,\n2\n3]', 'utf16le'), 'expected "," or "]" at byte 14, in line 3'],
  ])('%j', async (text, words) => {
    const failure = await failureOf(readOnce(text, at('/a')));
    expect(failure).toMatchObject({
      reason: 'CONTENT_UNSUITABLE',
      message: `cannot read the content in this way: it is not a JSON document: ${words}`,
    });
  });
});

describe('a pointer that leads nowhere names what is near', () => {
  const text = JSON.stringify({
    rows: [{ total: 1, 'a/b': null }, 2],
    many: Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`k${index}`, index])),
    empty: {},
    ['long '.repeat(40)]: 1,
  });

  it.each([
    ['/rows/0/totals', '"/rows/0" is an object with the keys "total", "a/b"'],
    ['/rows/0/total/x', '"/rows/0/total" is a number'],
    ['/rows/0/a~1b/x', '"/rows/0/a~1b" is null'],
    ['/rows/2', '"/rows" is an array of 2 values'],
    ['/rows/-', '"/rows" is an array of 2 values'],
    ['/rows/00', '"/rows" is an array of 2 values'],
    ['/empty/x/y/z', '"/empty" is an object without keys'],
    ['/many/x', '"k8", "k9" and 2 more'],
    ['/x', 'the document is an object with the keys "rows", "many", "empty", "long long'],
  ])('%s', async (pointer, words) => {
    const failure = await failureOf(readOnce(text, at(pointer)));
    expect(failure).toMatchObject({ reason: 'INVALID_ARGUMENT', violations: [{ field: 'json.pointer' }] });
    expect(failure.violations[0]!.description).toContain(words);
    expect(failure.message.length).toBeLessThan(300);
  });

  it.each(['rows', '/a~', '/a~2b', `/${'x'.repeat(4096)}`])('unless it is none (%#)', async (pointer) => {
    const failure = await failureOf(Promise.resolve().then(() => readOnce(text, at(pointer))));
    expect(failure).toMatchObject({ reason: 'INVALID_ARGUMENT', violations: [{ field: 'json.pointer' }] });
    expect(failure.message).not.toContain('points to no value');
  });
});

describe('what is JSON', () => {
  it('is what JSON.parse takes', () => {
    const symbol = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '\\',
      'u00e9',
      '0',
      '1',
      '-',
      '.',
      'e',
      '+',
      ' ',
      '\n',
      '\t',
      '\u0001',
      'true',
      'null',
      'fals',
      '\u00a0',
    );
    const nearly = fc.tuple(document, fc.nat(), symbol, fc.nat(2)).map(([value, where, extra, dropped]) => {
      const text = JSON.stringify(value);
      const cut = where % (text.length + 1);
      return text.slice(0, cut) + extra + text.slice(cut + dropped);
    });
    const any = fc.oneof(
      nearly,
      fc.array(symbol, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(any, (text) => {
        // Half a character has no UTF-8, which is looked at before.
        fc.pre(text.isWellFormed());
        expect(accepts(text)).toBe(isJson(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['', /expected a value at byte 0/],
    ['a,b\n1,2\n', /expected a value at byte 0/],
    ['{"a": 1', /expected "," or "}" at byte 7/],
    ['[1] 2', /expected the end at byte 4/],
    ['['.repeat(20_000), /the values are nested more than 10000 deep at byte 10000/],
  ])('is not (%#)', async (text, why) => {
    const failure = await failureOf(readOnce(text, at('/a')));
    expect(failure.reason).toBe('CONTENT_UNSUITABLE');
    expect(failure.message).toMatch(why);
  });

  it('has at most 16 MiB, of which nothing is read otherwise', async () => {
    const size = 16 * 1024 * 1024;
    const document = Buffer.from(`[${' '.repeat(size - 2)}]`);
    expect(document.length).toBe(size);
    expect((await failureOf(readOnce(document, at('/0')))).message).toContain('an array of 0 values');
    const failure = await failureOf(readOnce(Buffer.concat([document, Buffer.from(' ')]), at('/0')));
    expect(failure.reason).toBe('CONTENT_UNSUITABLE');
  });
});
