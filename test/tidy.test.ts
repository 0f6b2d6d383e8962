/** What no compiler and no linter holds: nothing dead, nothing long, no circles, one way to write each thing. */
import { describe, expect, it } from 'vitest';
import { homes, nounFaults, verbFaults } from './support/nouns.ts';
import { phrases, phrasesIn } from './support/phrases.ts';
import { parseSource, readPage, readPages, readSources, type Source } from './support/sources.ts';

const sources = readSources('src', 'test', 'bench', 'scripts');
const linesMax = 70;

/** Listeners of packages: what they export is for others. */
const listeners = [
  'src/client/published.ts',
  'src/client/web/published.ts',
  'src/programs/library/published.ts',
];

type NamesByFile = Readonly<Record<string, readonly string[]>>;

/** Used by tests alone. Anything else of that kind is dead: it goes, or is the test's own. */
const forTests: NamesByFile = {
  // The second implementations of the ports, which are the doubles of the first.
  'src/blobs/memory.ts': ['openMemoryBlobs'],
  'src/blobs/memory-exports.ts': ['memoryExports'],
  'src/index/memory/home.ts': ['MemoryHome'],
};

/**
 * Words that comments and strings do not use, and what to write instead. A key stands for the whole word, in any case
 * of its letters.
 */
const words: Readonly<Record<string, string>> = {
  basically: 'nothing',
  blacklist: 'what is refused',
  currently: 'nothing: comments are about the present',
  dummy: 'what it stands for',
  fixme: 'an issue',
  helper: 'what it does',
  legacy: 'what it is',
  leverage: 'use',
  obviously: 'nothing',
  seamless: 'what happens',
  simply: 'nothing',
  todo: 'an issue',
  utilize: 'use',
  whitelist: 'what is allowed',
};

function has(list: NamesByFile, path: string, name: string): boolean {
  return list[path]?.includes(name) ?? false;
}

/** Where time passes. Node runs at once what is to wait for long, for less than nothing or for no number; these do not. */
const timers = ['src/domain/timer.ts', 'src/client/wire/timer.ts', 'src/console/base/timer.ts'];

/** Timers of Node's own. */
function ownTimers({ path, identifiers, imports, texts }: Source): string[] {
  if (!path.startsWith('src/') || timers.includes(path)) return [];
  const found = ['setTimeout', 'setInterval'].filter((name) => identifiers.has(name));
  const named = imports.filter(({ target }) => /^(node:)?timers/.test(target)).map(({ names }) => names);
  if (named.some((names) => names === 'whole' || names.some((name) => name !== 'setImmediate')))
    found.push('node:timers');
  if (
    identifiers.has('AbortSignal') &&
    (identifiers.has('timeout') || texts.some(({ text }) => text === 'timeout'))
  )
    found.push('AbortSignal.timeout');
  return found.map((name) => `${path}: ${name}`);
}

/** The files that use an export of a file. Those that import the whole module use what they name. */
function usersOf(path: string, name: string, files: readonly Source[]): Source[] {
  return files.filter((file) =>
    file.imports.some(
      ({ target, names }) =>
        target === path && (names === 'whole' ? file.identifiers.has(name) : names.includes(name)),
    ),
  );
}

/** What is wrong with the exports of `file`, of all these files. */
function deadExports(file: Source, files: readonly Source[]): { name: string; fault: string }[] {
  return file.exports.flatMap(({ name, localName, isType }) => {
    const users = usersOf(file.path, name, files);
    const usedWithin = (file.identifiers.get(localName) ?? 0) > 1;
    if (users.length === 0 && !usedWithin) return [{ name, fault: 'is used nowhere: it goes' }];
    // It is published, and who uses it has to be able to name what it takes and gives.
    if (file.path.startsWith('src/client/') && isType) return [];
    if (users.length === 0) return [{ name, fault: 'is used in its file alone: it need not be exported' }];
    if (!file.path.startsWith('src/') || usedWithin) return [];
    return users.some(({ path }) => path.startsWith('src/'))
      ? []
      : [{ name, fault: 'is used by tests alone' }];
  });
}

/** The shortest circle of imports through each file, each once, from its first name on. */
function circles(files: readonly Source[]): string[] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const found = new Set<string>();
  for (const { path: start } of files) {
    const before = new Map<string, string>();
    const waiting = [start];
    for (const at of waiting) {
      for (const target of importsOf.get(at) ?? []) {
        if (before.has(target)) continue;
        before.set(target, at);
        waiting.push(target);
      }
      if (before.has(start)) break;
    }
    if (before.has(start)) found.add(circleAt(start, before));
  }
  return [...found].sort();
}

function circleAt(start: string, before: ReadonlyMap<string, string>): string {
  const circle = [start];
  for (let at = before.get(start)!; at !== start; at = before.get(at)!) circle.unshift(at);
  const first = circle.indexOf(circle.toSorted()[0]!);
  return [...circle.slice(first), ...circle.slice(0, first), circle[first]].join(' → ');
}

/**
 * The limit is for every function, also for a single test. What declares tests, such as what `describe` is given, is
 * their table of contents and may be as long as its file.
 */
function longFunctions({ path, functions }: Source): string[] {
  return functions
    .filter(({ lineCount }) => lineCount > linesMax)
    .filter(({ declaresTests }) => !(declaresTests && path.startsWith('test/')))
    .map(({ line, lineCount }) => `${path}:${line}: ${lineCount} lines`);
}

function unwantedWords({ path, texts }: Source): string[] {
  const pattern = new RegExp(`\\b(?:${Object.keys(words).join('|')})\\b`, 'gi');
  return texts.flatMap(({ text, line }) =>
    [...text.matchAll(pattern)].map((match) => {
      const within = text.slice(0, match.index).split('\n').length - 1;
      return `${path}:${line + within}: for “${match[0]}” write ${words[match[0].toLowerCase()]}`;
    }),
  );
}

/** What readers of this project read: comments and messages, the protocol, and pages. Decisions are of their day. */
function unwantedPhrases(): string[] {
  const texts = sources
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path, texts }) => texts.map((text) => ({ path, ...text })));
  const pages = readPages(/\.(md|proto|peggy)$/, 'src', 'proto', 'docs').filter(
    ({ path }) => !path.startsWith('docs/decisions/'),
  );
  const python = readPages(/\.py$/, 'clients/python/src');
  const wholes = [...pages, ...python, readPage('README.md')].map((page) => ({ ...page, line: 1 }));
  return [...texts, ...wholes].flatMap(({ path, text, line }) => phrasesIn(path, text, line));
}

/** The rows of the table in "Words": what not to write, and what to write. */
function pairs(): string[][] {
  const [, table = ''] = readPage('CONTRIBUTING.md').text.split('| Instead of | Write |\n| --- | --- |\n');
  return table
    .trim()
    .split('\n')
    .map((row) =>
      row
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim()),
    );
}

function faultsOfExports(files: readonly Source[]): string[] {
  const inner = files.filter(({ path }) => !listeners.includes(path));
  return inner.flatMap((file) =>
    deadExports(file, files)
      .filter(({ name }) => !has(forTests, file.path, name))
      .map(({ name, fault }) => `${file.path}: ${name} ${fault}`),
  );
}

/** The head of a file is about the file: a name that is used elsewhere is explained where an editor shows it. */
function undocumented({ path, undocumented }: Source): string[] {
  if (!path.startsWith('src/')) return [];
  return undocumented.map(({ name, line }) => `${path}:${line}: ${name} has no JSDoc`);
}

function hashMembers({ path, hashMembers }: Source): string[] {
  return hashMembers.map(({ name, line }) => `${path}:${line}: #${name}`);
}

/** As an object, a pattern is matched by every text; see `test/support/no-warnings.ts`, which meets those in variables. */
function comparedPatterns({ path, comparedPatterns }: Source): string[] {
  return comparedPatterns.map(({ line, text }) => `${path}:${line}: for ${text} write expect.stringMatching`);
}

/** The one reader of times and sizes. */
const unitsOfTime = 'src/domain/quantities.ts';

/** What would read a time as people type it. */
function ownUnits({ path, texts }: Source): string[] {
  if (!path.startsWith('src/') || path === unitsOfTime) return [];
  return texts.filter(({ text }) => text.includes('smhd')).map(({ line }) => `${path}:${line}`);
}

describe('the checkout', () => {
  it('exports nothing that no other file uses', () => {
    expect(faultsOfExports(sources)).toEqual([]);
  });

  it('documents what it exports', () => {
    expect(sources.flatMap(undocumented)).toEqual([]);
  });

  it(`has no function of more than ${linesMax} lines`, () => {
    expect(sources.flatMap(longFunctions)).toEqual([]);
  });

  it('has no circle of imports, not even of types', () => {
    expect(circles(sources)).toEqual([]);
  });

  it('has members that are `private`, none that begin with #', () => {
    expect(sources.flatMap(hashMembers)).toEqual([]);
  });

  it('lets time pass in three places', () => {
    expect(sources.flatMap(ownTimers)).toEqual([]);
  });

  it('compares texts with patterns, and no objects', () => {
    expect(sources.flatMap(comparedPatterns)).toEqual([]);
  });

  it('reads times as people type them in one place', () => {
    expect(sources.flatMap(ownUnits)).toEqual([]);
  });

  it('avoids some words', () => {
    expect(sources.flatMap(unwantedWords)).toEqual([]);
  });

  it('avoids phrases that must be read twice', () => {
    expect(unwantedPhrases()).toEqual([]);
  });

  it('has one name for one thing', () => {
    expect(sources.flatMap(nounFaults)).toEqual([]);
    expect(readPages(/\.tsx?$/, 'src').flatMap(({ path, text }) => verbFaults(path, text))).toEqual([]);
  });
});

describe('what is not tidy is seen:', () => {
  const [word, instead] = Object.entries(words)[0]!;
  const a = `import { b } from './b.ts';
    import type * as c from './c.ts';
    /** ${word} */
    export class A { #b = b; c?: c.C; }
    export const alone = 1; export const [twice] = [alone];
    ${'// a line\n'.repeat(3)}export function long() {${'\n'.repeat(linesMax)}}`;
  const files = [
    parseSource('src/a.ts', a),
    parseSource('src/b.ts', "export const b = async () => (await import('./a.ts')).A;"),
    parseSource('src/c.ts', 'export interface C {} export type Lost = number;'),
    parseSource(
      'test/x.ts',
      "import { alone, long, twice } from '../src/a.ts'; it('', () => [alone, long, twice]);",
    ),
  ];

  it('exports', () => {
    expect(faultsOfExports(files)).toEqual([
      'src/a.ts: twice is used by tests alone',
      'src/a.ts: long is used by tests alone',
      'src/c.ts: Lost is used nowhere: it goes',
    ]);
    expect(faultsOfExports(files.slice(0, 3))).toContain(
      'src/a.ts: alone is used in its file alone: it need not be exported',
    );
  });

  it('names without documentation', () => {
    const overloads = (doc: string) =>
      `${doc}export function f(a: string): void;\nexport function f(a: number): void {}`;
    const text = `/** The file. */\nimport x from 'x';\nexport const [bare] = x; /** A type. */ export type T = 1;`;
    expect(undocumented(parseSource('src/a.ts', `${text}\n${overloads('')}`))).toEqual([
      'src/a.ts:3: bare has no JSDoc',
      'src/a.ts:4: f has no JSDoc',
    ]);
    expect(undocumented(parseSource('src/a.ts', overloads('/** Both. */ ')))).toEqual([]);
    expect(undocumented(parseSource('src/a.ts', "export { y } from './y.ts'; export * from 'z';"))).toEqual(
      [],
    );
  });

  it('functions', () => {
    expect(files.flatMap(longFunctions)).toEqual([`src/a.ts:9: ${linesMax + 1} lines`]);
  });

  it('circles', () => {
    expect(circles(files)).toEqual(['src/a.ts → src/b.ts → src/a.ts']);
  });

  it('members', () => {
    expect(files.flatMap(hashMembers)).toEqual(['src/a.ts:4: #b']);
  });

  it('timers', () => {
    const text = "import { setTimeout as delay } from 'node:timers/promises'; setInterval(delay, 1);";
    expect(ownTimers(parseSource('src/a.ts', text)).sort()).toEqual([
      'src/a.ts: node:timers',
      'src/a.ts: setInterval',
      'src/a.ts: setTimeout',
    ]);
    expect(ownTimers(parseSource('src/a.ts', 'AbortSignal.timeout(1);'))).toEqual([
      'src/a.ts: AbortSignal.timeout',
    ]);
    expect(ownTimers(parseSource(timers[0]!, text))).toEqual([]);
  });

  it('patterns', () => {
    const text = `expect(a).toMatchObject({ b: /c/, d: expect.stringMatching(/e/) });
      await expect(f).rejects.toMatchObject(
        [{ g: [/h/] }]); expect(i).toMatch(/j/); it.each([[/k/]])('', () => {});`;
    expect(comparedPatterns(parseSource('test/a.ts', text))).toEqual([
      'test/a.ts:1: for /c/ write expect.stringMatching',
      'test/a.ts:3: for /h/ write expect.stringMatching',
    ]);
    // What is in a variable, too.
    const pattern = /x/;
    expect(() => expect(new Error('y')).toMatchObject({ message: pattern })).toThrow(/to match object/);
  });

  it('units', () => {
    const text = 'const unit = /^[0-9]+[smhdw]$/;';
    expect(ownUnits(parseSource('src/a.ts', text))).toEqual(['src/a.ts:1']);
    expect(ownUnits(parseSource(unitsOfTime, text))).toEqual([]);
  });

  it('names of other things', () => {
    const [name, home] = homes[0]!;
    expect(nounFaults(parseSource('src/a.ts', `interface ${name} {}`))).toEqual([
      `src/a.ts: ${name} is a name of ${home}`,
    ]);
    const own = home.replace('src/', './');
    expect(nounFaults(parseSource('src/a.ts', `import type { ${name} } from '${own}';`))).toEqual([]);
    expect(nounFaults(parseSource(home, `export interface ${name} {}`))).toEqual([]);
    const names = ['lockHolder', 'Held', 'SendBudget', 'budgetBytes', 'bounds', 'frontDoor'];
    expect(nounFaults(parseSource('src/a.ts', `export const [${names}] = x;`))).toHaveLength(names.length);
    const good = 'const { hold, holds, holdCount, ARTIFACT_HELD, budget, withheld, indoors, bound } = x;';
    expect(nounFaults(parseSource('src/a.ts', good))).toEqual([]);
    expect(
      verbFaults('src/a.ts', 'a.hold(b); holds(c); willHold(d); onHold(e); threshold(f); f(hold)'),
    ).toHaveLength(4);
  });

  it('words', () => {
    expect(files.flatMap(unwantedWords)).toEqual([`src/a.ts:3: for “${word}” write ${instead}`]);
  });

  it.each(phrases)('the phrase “$sample”', ({ sample, instead }) => {
    expect(phrasesIn('docs/a.md', `Text.\n\n${sample}`).join()).toContain(`docs/a.md:3: for “`);
    expect(phrasesIn('docs/a.md', sample).join()).toContain(`write ${instead}`);
    // Also where it goes on in the next line, of whatever kind of comment.
    const [first, ...rest] = sample.split(' ');
    for (const comment of [
      `/**\n * ${first}\n * ${rest.join('\n * ')}\n */`,
      `// ${sample.replaceAll(' ', '\n// ')}`,
    ]) {
      const [found] = parseSource('src/a.ts', comment).texts;
      expect(phrasesIn('src/a.ts', found!.text, found!.line).join()).toContain(`write ${instead}`);
    }
  });

  it('every pair of CONTRIBUTING.md', () => {
    expect(pairs().length).toBeGreaterThan(20);
    expect(pairs().filter(([not]) => phrasesIn('', not!).length === 0)).toEqual([]);
    expect(pairs().flatMap(([, write]) => phrasesIn('', write!))).toEqual([]);
  });
});
