/** Names that mean one thing in the whole repository: see "One word, one thing" in `src/store/README.md`. */
import type { Source } from './sources.ts';

/** Names that one file declares. Others import them from there, and call nothing else so. */
export const homes: readonly (readonly [name: string, path: string])[] = [
  ['Allowance', 'src/domain/load/budget.ts'],
  ['Budget', 'src/domain/load/budget.ts'],
  ['Found', 'src/query/search.ts'],
  ['Payer', 'src/domain/principal.ts'],
  ['Step', 'src/store/rows/steps.ts'],
  ['sessionOf', 'src/store/rows/session-rows.ts'],
];

interface Noun {
  /** Matches a name whose words are in lower case, one after another with spaces between. */
  readonly pattern: RegExp;
  readonly instead: string;
  /** Names that mean what the word means, by the files that use them. */
  readonly allowed: Readonly<Record<string, readonly string[]>>;
}

/** Words that other names do not have. */
const nouns: readonly Noun[] = [
  {
    pattern: /\b(held|holders?|holdings?)\b/,
    instead: 'payer, owner, kept, stored: a hold is an artifact’s',
    allowed: {
      // The claim of tokens that are in use.
      'src/identity/principal-claims.ts': ['holder'],
      'test/identity/child-tokens.test.ts': ['holder'],
      // Artifacts on hold.
      'test/api/artifacts/artifacts.suite.ts': ['held'],
      'test/api/targets/artifact-targets.ts': ['held', 'heldSurvivor'],
      'test/api/targets/session-targets.ts': ['heldOne'],
      'test/cli/commands/lifecycle.test.ts': ['held'],
      'test/cli/commands/remove.test.ts': ['held'],
      'test/store/artifacts/by-digest.test.ts': ['held'],
    },
  },
  { pattern: /\bbounds\b/, instead: 'limits, allowance', allowed: {} },
  {
    pattern: /\w budget\b|\bbudget \w/,
    instead: 'limit, allowance: a budget is the work of a call',
    allowed: {},
  },
  {
    pattern: /\bdoors?\b(?! limits)/,
    instead: 'transport, listener: a door is the index’s',
    allowed: {},
  },
];

/** Calls and methods of that name: a hold is a noun. */
const verb = /\b(?!onHold\b)\w*[hH]olds?\(/g;

/** @returns what to change about the names of a file. */
export function nounFaults({ path, imports, identifiers }: Source): string[] {
  const strays = homes.filter(
    ([name, home]) =>
      identifiers.has(name) &&
      path !== home &&
      !imports.some(({ target, names }) => target === home && (names === 'whole' || names.includes(name))),
  );
  const found = nouns.flatMap(({ pattern, instead, allowed }) =>
    [...identifiers.keys()]
      .filter((name) => !/^[A-Z_]+$/.test(name) && pattern.test(wordsOf(name)))
      .filter((name) => !allowed[path]?.includes(name))
      .map((name) => `${path}: for ${name} write ${instead}`),
  );
  return [...strays.map(([name, home]) => `${path}: ${name} is a name of ${home}`), ...found];
}

/** @returns the calls in a file of `src` that use a noun as a verb. */
export function verbFaults(path: string, text: string): string[] {
  return [...text.matchAll(verb)].map(
    ([call]) => `${path}: for ${call}) write contains(), keep(), stayOpenFor()`,
  );
}

function wordsOf(name: string): string {
  return name
    .replace(/[A-Z]+/g, (capitals) => ` ${capitals.toLowerCase()}`)
    .replaceAll('_', ' ')
    .trim();
}
