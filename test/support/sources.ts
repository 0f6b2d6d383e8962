/** The checkout as a parser sees it: what `tidy.test.ts` looks at. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Expression, type ParseResult, parseSync, Visitor, type VisitorObject } from 'oxc-parser';

const root = resolve(import.meta.dirname, '../..');

/** One file. Lines are counted from 1. */
export interface Source {
  /** From the root of the checkout. */
  readonly path: string;
  readonly exports: readonly Export[];
  /** Names that are declared where they are exported and have no JSDoc there. Of overloads the first has it. */
  readonly undocumented: readonly { readonly name: string; readonly line: number }[];
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSpan[];
  /** Members of the form `#name`, where they are declared. */
  readonly hashMembers: readonly { readonly name: string; readonly line: number }[];
  /** Comments, strings, patterns, and the fixed parts of templates. */
  readonly texts: readonly { readonly text: string; readonly line: number }[];
  /** Patterns in what `toMatchObject` and others compare with, where they would be compared as objects. */
  readonly comparedPatterns: readonly { readonly text: string; readonly line: number }[];
  /** How often each identifier occurs, where it is declared included. */
  readonly identifiers: ReadonlyMap<string, number>;
}

interface Export {
  readonly name: string;
  /** What the file itself calls it. */
  readonly localName: string;
  /** An interface or a type: nothing of it is left when the program runs. */
  readonly isType: boolean;
}

interface Import {
  /** A file of ours from the root of the checkout, or the name of a package. */
  readonly target: string;
  /** `whole`: the module as an object, by `import * as` or `import()`. */
  readonly names: readonly string[] | 'whole';
}

interface FunctionSpan {
  readonly line: number;
  readonly lineCount: number;
  /** It calls `describe`, `it` or `test`, itself or in a function within. */
  readonly declaresTests: boolean;
}

/** A file of text as it is. */
interface Page {
  /** From the root of the checkout. */
  readonly path: string;
  readonly text: string;
}

/** Reads a file. @param path from the root of the checkout. */
export function readPage(path: string): Page {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}

/** All files below these directories whose names match. */
export function readPages(name: RegExp, ...directories: readonly string[]): Page[] {
  return directories.flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && name.test(entry.name))
      .map((entry) => readPage(relative(root, join(entry.parentPath, entry.name)))),
  );
}

/** All files of ours below these directories. */
export function readSources(...directories: readonly string[]): Source[] {
  return readPages(/\.(tsx?|mjs)$/, ...directories).map(({ path, text }) => parseSource(path, text));
}

/** @param path from the root of the checkout. */
export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]!.message}`);
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length;
  return {
    path,
    exports: exportsOf(parsed),
    undocumented: undocumentedOf(parsed, text, lineAt),
    imports: importsOf(path, parsed),
    functions: functionsOf(parsed, lineAt),
    comparedPatterns: comparedPatternsOf(parsed, text, lineAt),
    ...wordsOf(parsed, text, lineAt),
  };
}

function visit({ program }: ParseResult, visitor: VisitorObject): void {
  new Visitor(visitor).visit(program);
}

function exportsOf(parsed: ParseResult): Export[] {
  const types = new Set<number>();
  visit(parsed, {
    ExportNamedDeclaration: ({ exportKind, start }) => {
      if (exportKind === 'type') types.add(start);
    },
  });
  return parsed.module.staticExports.flatMap(({ entries, start }) =>
    entries.map(({ exportName, localName, isType }) => {
      const name = exportName.name ?? 'default';
      return { name, localName: localName.name ?? name, isType: isType || types.has(start) };
    }),
  );
}

function undocumentedOf(
  parsed: ParseResult,
  text: string,
  lineAt: (offset: number) => number,
): Source['undocumented'] {
  const docEnds = parsed.comments
    .filter(({ type, value }) => type === 'Block' && value.startsWith('*'))
    .map(({ end }) => end);
  // What a linter is told may stand in between.
  const isDocumented = (start: number) =>
    docEnds.some((end) => end <= start && /^\s*(\/\/.*\s*)*$/.test(text.slice(end, start)));
  const byName = new Map<string, { start: number; isDocumented: boolean }>();
  for (const { entries, start } of parsed.module.staticExports)
    for (const { exportName, moduleRequest } of entries) {
      const name = exportName.name ?? 'default';
      if (moduleRequest !== null || !/^export\s+(?!\{|\*|type\s*\{)/.test(text.slice(start))) continue;
      const found = byName.get(name);
      const documented = isDocumented(start) || (found?.isDocumented ?? false);
      byName.set(name, { start: found?.start ?? start, isDocumented: documented });
    }
  return [...byName]
    .filter(([, { isDocumented }]) => !isDocumented)
    .map(([name, { start }]) => ({ name, line: lineAt(start) }));
}

function importsOf(path: string, parsed: ParseResult): Import[] {
  const targetOf = (specifier: string) =>
    specifier.startsWith('.') ? relative(root, resolve(root, dirname(path), specifier)) : specifier;
  const { staticImports, staticExports } = parsed.module;
  const found: Import[] = staticImports.map(({ moduleRequest, entries }) => ({
    target: targetOf(moduleRequest.value),
    names: entries.some(({ importName }) => importName.kind === 'NamespaceObject')
      ? 'whole'
      : entries.map(({ importName }) => importName.name ?? 'default'),
  }));
  // What is exported from elsewhere is imported from there.
  for (const { moduleRequest, importName } of staticExports.flatMap(({ entries }) => entries))
    if (moduleRequest !== null)
      found.push({
        target: targetOf(moduleRequest.value),
        names: importName.name === null ? 'whole' : [importName.name],
      });
  visit(parsed, {
    ImportExpression: ({ source }) => {
      if (source.type === 'Literal' && typeof source.value === 'string')
        found.push({ target: targetOf(source.value), names: 'whole' });
    },
    TSImportType: ({ source }) => {
      found.push({ target: targetOf(source.value), names: 'whole' });
    },
  });
  return found;
}

function functionsOf(parsed: ParseResult, lineAt: (offset: number) => number): FunctionSpan[] {
  const found: FunctionSpan[] = [];
  const open: { declaresTests: boolean }[] = [];
  const enter = () => {
    open.push({ declaresTests: false });
  };
  const leave = ({ start, end }: { readonly start: number; readonly end: number }) => {
    const line = lineAt(start);
    found.push({ line, lineCount: lineAt(end) - line + 1, ...open.pop()! });
  };
  visit(parsed, {
    FunctionDeclaration: enter,
    'FunctionDeclaration:exit': leave,
    FunctionExpression: enter,
    'FunctionExpression:exit': leave,
    ArrowFunctionExpression: enter,
    'ArrowFunctionExpression:exit': leave,
    CallExpression: ({ callee }) => {
      if (!declaresTest(callee)) return;
      for (const one of open) one.declaresTests = true;
    },
  });
  return found;
}

const comparisons = ['toMatchObject', 'toEqual', 'toStrictEqual', 'objectContaining', 'arrayContaining'];

function comparedPatternsOf(
  parsed: ParseResult,
  text: string,
  lineAt: (offset: number) => number,
): Source['comparedPatterns'] {
  const found: { text: string; line: number }[] = [];
  /** Whether each call around compares; the innermost is the last. */
  const around: boolean[] = [];
  visit(parsed, {
    CallExpression: ({ callee }) => {
      const { property } = callee as { readonly property?: { readonly name?: string } };
      around.push(comparisons.includes(property?.name ?? ''));
    },
    'CallExpression:exit': () => void around.pop(),
    Literal: (literal) => {
      const { start, end } = literal;
      if ('regex' in literal && around.at(-1) === true)
        found.push({ text: text.slice(start, end), line: lineAt(start) });
    },
  });
  return found;
}

/** `describe`, `it`, `test`, and whatever is made of them, such as `it.each(…)`. */
function declaresTest(callee: Expression): boolean {
  switch (callee.type) {
    case 'Identifier':
      return ['describe', 'it', 'test'].includes(callee.name);
    case 'MemberExpression':
      return declaresTest(callee.object);
    case 'CallExpression':
      return declaresTest(callee.callee);
    default:
      return false;
  }
}

/** Comments. Those that fill lines one after another are one. */
function commentsOf(
  { comments }: ParseResult,
  text: string,
  lineAt: (offset: number) => number,
): { text: string; line: number }[] {
  const found: { text: string; line: number; isLine: boolean; end: number }[] = [];
  for (const { type, value, start, end } of comments) {
    const last = found.at(-1);
    const isLine = type === 'Line';
    if (isLine && last?.isLine && /^\n[ \t]*$/.test(text.slice(last.end, start))) {
      last.text += `\n${value}`;
      last.end = end;
    } else found.push({ text: value, line: lineAt(start), isLine, end });
  }
  return found.map(({ text, line }) => ({ text, line }));
}

function wordsOf(
  parsed: ParseResult,
  text: string,
  lineAt: (offset: number) => number,
): Pick<Source, 'hashMembers' | 'texts' | 'identifiers'> {
  const hashMembers: { name: string; line: number }[] = [];
  const texts = commentsOf(parsed, text, lineAt);
  const identifiers = new Map<string, number>();
  const noteMember = ({ key }: { readonly key: { readonly type: string; readonly start: number } }) => {
    if (key.type === 'PrivateIdentifier')
      hashMembers.push({ name: (key as unknown as { name: string }).name, line: lineAt(key.start) });
  };
  visit(parsed, {
    PropertyDefinition: noteMember,
    MethodDefinition: noteMember,
    Literal: ({ value, start }) => {
      if (typeof value === 'string') texts.push({ text: value, line: lineAt(start) });
      if (value instanceof RegExp) texts.push({ text: value.source, line: lineAt(start) });
    },
    TemplateElement: ({ value, start }) => {
      texts.push({ text: value.cooked ?? value.raw, line: lineAt(start) });
    },
    JSXText: ({ value, start }) => {
      texts.push({ text: value, line: lineAt(start) });
    },
    JSXIdentifier: ({ name }) => {
      identifiers.set(name, (identifiers.get(name) ?? 0) + 1);
    },
    Identifier: ({ name }) => {
      identifiers.set(name, (identifiers.get(name) ?? 0) + 1);
    },
  });
  return { hashMembers, texts, identifiers };
}
