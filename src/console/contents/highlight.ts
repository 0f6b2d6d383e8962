/** The words of a source by their kind, for colours: never as markup. */
import type { LanguageFn } from 'highlight.js';
import core from 'highlight.js/lib/core';
import { type Language, sourceCharactersMax } from './languages.ts';

/** A run of characters of one kind. */
export interface Token {
  readonly text: string;
  /** The name of a class. Empty: no colour. */
  readonly kind: string;
}

/** A source with a longer line was made by a program, and has no colours. */
const lineCharactersMax = 4_000;

/** Each grammar is a file of its own, which is loaded with the first source of its language. */
const grammars = {
  bash: () => import('highlight.js/lib/languages/bash'),
  c: () => import('highlight.js/lib/languages/c'),
  cpp: () => import('highlight.js/lib/languages/cpp'),
  csharp: () => import('highlight.js/lib/languages/csharp'),
  css: () => import('highlight.js/lib/languages/css'),
  dockerfile: () => import('highlight.js/lib/languages/dockerfile'),
  go: () => import('highlight.js/lib/languages/go'),
  ini: () => import('highlight.js/lib/languages/ini'),
  java: () => import('highlight.js/lib/languages/java'),
  javascript: () => import('highlight.js/lib/languages/javascript'),
  json: () => import('highlight.js/lib/languages/json'),
  kotlin: () => import('highlight.js/lib/languages/kotlin'),
  makefile: () => import('highlight.js/lib/languages/makefile'),
  python: () => import('highlight.js/lib/languages/python'),
  ruby: () => import('highlight.js/lib/languages/ruby'),
  rust: () => import('highlight.js/lib/languages/rust'),
  sql: () => import('highlight.js/lib/languages/sql'),
  typescript: () => import('highlight.js/lib/languages/typescript'),
  xml: () => import('highlight.js/lib/languages/xml'),
  yaml: () => import('highlight.js/lib/languages/yaml'),
} satisfies Record<Language, () => Promise<{ readonly default: LanguageFn }>>;

/** What the scopes of the grammars look like. */
const kinds: Readonly<Record<string, string>> = {
  comment: 'comment',
  doctag: 'comment',
  quote: 'comment',
  string: 'string',
  char: 'string',
  regexp: 'string',
  addition: 'string',
  number: 'number',
  literal: 'number',
  symbol: 'number',
  keyword: 'keyword',
  'selector-tag': 'keyword',
  section: 'keyword',
  operator: '',
  built_in: 'name',
  type: 'name',
  title: 'name',
  attr: 'name',
  attribute: 'name',
  name: 'name',
  variable: 'name',
  property: 'name',
  meta: 'meta',
  subst: 'plain',
};

/**
 * Receives the words from the library in place of its own emitter, which makes HTML. So no text becomes markup, and the
 * policy of the page is kept.
 */
class Lines {
  readonly lines: Token[][] = [[]];
  private readonly scopes: string[] = [];

  addText(text: string): void {
    const kind = this.scopes.findLast((scope) => scope !== '') ?? '';
    const [first = '', ...rest] = text.split('\n');
    this.add(first, kind);
    for (const line of rest) {
      this.lines.push([]);
      this.add(line, kind);
    }
  }

  startScope(scope: string): void {
    this.scopes.push(kinds[scope.split('.')[0] ?? ''] ?? '');
  }

  endScope(): void {
    this.scopes.pop();
  }

  // The library names the same two steps in two ways.
  openNode(scope: string): void {
    this.startScope(scope);
  }

  closeNode(): void {
    this.endScope();
  }

  /** A part in another language, such as a script in a page. */
  __addSublanguage(inner: Lines): void {
    const [first = [], ...rest] = inner.lines;
    this.lines.at(-1)!.push(...first);
    this.lines.push(...rest);
  }

  finalize(): void {
    this.scopes.length = 0;
  }

  /** The library asks for it; the result is not used. */
  toHTML(): string {
    return '';
  }

  private add(text: string, kind: string): void {
    const line = this.lines.at(-1)!;
    const last = line.at(-1);
    if (text === '') return;
    if (last?.kind === kind) line[line.length - 1] = { text: last.text + text, kind };
    else line.push({ text, kind });
  }
}

const loaded = new Map<Language, Promise<{ readonly default: LanguageFn }>>();

/** Loads the grammar of a language once. */
async function learn(language: Language): Promise<void> {
  const known = loaded.get(language) ?? grammars[language]();
  loaded.set(language, known);
  const { default: grammar } = await known;
  if (core.getLanguage(language) === undefined) core.registerLanguage(language, grammar);
}

// The types of the library leave out what it calls private. `lowlight` depends on it, too.
core.configure({ __emitter: Lines } as object);

/** Returns the lines of a source. Undefined: it is too long, or the library gave up. */
export async function highlighted(
  source: string,
  language: Language,
): Promise<readonly (readonly Token[])[] | undefined> {
  if (source.length > sourceCharactersMax) return undefined;
  const texts = source.split('\n');
  if (texts.some(({ length }) => length > lineCharactersMax)) return undefined;
  await learn(language);
  const { _emitter } = core.highlight(source, { language, ignoreIllegals: true });
  const { lines } = _emitter as unknown as Lines;
  // What is shown is the source, whatever the grammar does.
  const isWhole = texts.every((text, at) => lines[at]?.map((token) => token.text).join('') === text);
  return isWhole ? lines : undefined;
}
