/** Sources in colours: which language, and that the words are the text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Language,
  languageNamed,
  languageOf,
  languages,
  sourceCharactersMax,
} from '../../src/console/contents/languages.ts';

/** A word of a source. */
interface Word {
  readonly text: string;
  readonly kind: string;
}

// The library has the types of a browser, which this part of the checkout does without.
const path = '../../src/console/contents/highlight.ts';
const { highlighted } = (await import(path)) as {
  highlighted(source: string, language: Language): Promise<readonly (readonly Word[])[] | undefined>;
};

describe('the language of a file', () => {
  it.each([
    ['src/main.py', 'python'],
    ['a.TS', 'typescript'],
    ['deploy/Dockerfile', 'dockerfile'],
    ['Dockerfile.dev', 'dockerfile'],
    ['Makefile', 'makefile'],
    ['x.toml', 'ini'],
    ['notes.txt', undefined],
    ['server.log', undefined],
    ['no-ending', undefined],
    ['x.constructor', undefined],
    ['x.__proto__', undefined],
  ])('%s is %s', (name, language) => {
    expect(languageOf(name)).toBe(language);
  });

  it('has the names that fences use', () => {
    expect([
      languageNamed('Python'),
      languageNamed('sh'),
      languageNamed(''),
      languageNamed('toString'),
    ]).toEqual(['python', 'bash', undefined, undefined]);
  });
});

describe('words', () => {
  const kindsIn = async (source: string, language: Language) =>
    (await highlighted(source, language))!.map((line) => line.map(({ text, kind }) => [kind, text]));

  it('have kinds, also over the ends of lines', async () => {
    expect(await kindsIn('def f(x):\n  """long\n  text"""\n  return 1 # one', 'python')).toEqual([
      [
        ['keyword', 'def'],
        ['', ' '],
        ['name', 'f'],
        ['', '(x):'],
      ],
      [
        ['', '  '],
        ['string', '"""long'],
      ],
      [['string', '  text"""']],
      [
        ['', '  '],
        ['keyword', 'return'],
        ['', ' '],
        ['number', '1'],
        ['', ' '],
        ['comment', '# one'],
      ],
    ]);
  });

  it('are the text in every language, whatever the text is', async () => {
    const parts = [
      '<script>',
      '"',
      "'",
      '`',
      '${',
      '}',
      '/*',
      '*/',
      '//',
      '#',
      '\n',
      '\\',
      '(',
      'if',
      '1',
      '=',
      '\r',
    ];
    const source = fc.array(
      fc.oneof(fc.constantFrom(...parts), fc.string({ unit: 'grapheme', maxLength: 8 })),
    );
    let coloured = 0;
    for (const language of languages)
      await fc.assert(
        fc.asyncProperty(source, async (some) => {
          const text = some.join('');
          const lines = await highlighted(text, language);
          // Nothing is better than another text.
          if (lines === undefined) return;
          coloured++;
          expect(lines.map((line) => line.map((word) => word.text).join('')).join('\n')).toBe(text);
        }),
        { numRuns: 40, seed: 7 },
      );
    expect(coloured).toBeGreaterThan(languages.length * 40 * 0.9);
  });

  it('are not looked for in long texts, and in long lines', async () => {
    expect(await highlighted('x\n'.repeat(sourceCharactersMax / 2 + 1), 'python')).toBeUndefined();
    expect(await highlighted(`x${'+1'.repeat(3_000)}`, 'python')).toBeUndefined();
    expect(await highlighted('x = 1\n'.repeat(1_000), 'python')).toHaveLength(1_001);
  });
});
