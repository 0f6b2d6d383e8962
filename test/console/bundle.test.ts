/** The size of the console, and what its sources never do. */
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleConsole } from '../../scripts/console.ts';
import { languages } from '../../src/console/contents/languages.ts';
import { root } from '../support/checkout.ts';
import { readPages } from '../support/sources.ts';

/** Bytes after gzip. A new part that does not fit has to be worth more than what goes for it. */
const limits = {
  firstScreen: 75_000,
  /** All that a reader loads who opens every screen, and no source or PDF. */
  screens: 175_000,
  /** The reader of PDF, most of it the worker. */
  pdf: 530_000,
  /** The highlighter, with one grammar. A reader loads only those of the languages that are opened. */
  highlighter: 15_000,
  grammars: 45_000,
};

let files: Map<string, string | Uint8Array>;

beforeAll(async () => {
  files = new Map((await bundleConsole(root)).files);
});

const textOf = (name: string) => String(files.get(name));
const compressed = (name: string) => gzipSync(textOf(name), { level: 9 }).length;
const scripts = () => [...files.keys()].filter((name) => name.endsWith('.js'));

/** The files that a script loads at once, itself included. */
function loadedWith(name: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(name)) return loaded;
  loaded.add(name);
  const statics = textOf(name).matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g);
  for (const [, inner] of statics) loadedWith(`console/${inner}`, loaded);
  return loaded;
}

describe('the bundle of the console', () => {
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + compressed(name), 0);
  const named = (pattern: RegExp) => [...scripts()].filter((name) => pattern.test(name));
  const style = () => [...files.keys()].find((name) => name.endsWith('.css'))!;
  const pdf = () => named(/\/pdf-/);
  const highlighter = () => named(/\/highlight-/);
  const grammars = () => named(new RegExp(`/(?:${languages.join('|')})-[\\w-]{8}\\.js$`));

  it(`shows the sessions after at most ${limits.firstScreen} bytes`, () => {
    const page = textOf('console/index.html');
    const [, script] = /src="\/(console\/[\w.-]+\.js)"/.exec(page)!;
    const first = [...loadedWith(script!), style()];
    expect(sum(first)).toBeLessThan(limits.firstScreen);
    for (const name of [...pdf(), ...highlighter(), ...grammars()]) expect(first).not.toContain(name);
  });

  it(`has at most ${limits.screens} bytes for all screens, and parts for a few contents`, () => {
    const rare = [...pdf(), ...highlighter(), ...grammars()];
    expect(sum([...scripts().filter((name) => !rare.includes(name)), style()])).toBeLessThan(limits.screens);
    expect(pdf()).toHaveLength(2);
    expect(sum(pdf())).toBeLessThan(limits.pdf);
    expect(sum(highlighter())).toBeLessThan(limits.highlighter);
    expect(grammars()).toHaveLength(languages.length);
    expect(sum(grammars())).toBeLessThan(limits.grammars);
  });

  it('has a file for each name in its page, compressed too, and the page comes last', () => {
    const names = [...textOf('console/index.html').matchAll(/"\/(console\/[^"]+)"/g)].map(
      ([, name]) => name!,
    );
    expect(names).toHaveLength(2);
    for (const name of names) expect([...files.keys()]).toEqual(expect.arrayContaining([name, `${name}.gz`]));
    expect([...files.keys()].at(-1)).toBe('console/index.html');
    for (const name of files.keys())
      expect(name).toMatch(/^console\/(?:index\.html|[\w-]+-[\w-]{8}\.(?:js|css)(?:\.gz)?)$/);
  });

  it('has no script or style in its page, and asks no other origin for anything', () => {
    const page = textOf('console/index.html');
    expect(page).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=|https?:/);
    expect(textOf([...files.keys()].find((name) => name.endsWith('.css'))!)).not.toMatch(/url\(|@import/);
  });
});

describe('the sources of the console', () => {
  it('make no markup and no scripts of texts', () => {
    const forbidden =
      /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment|DOMParser/;
    const faults = readPages(/\.tsx?$/, 'src/console').filter(({ text }) => forbidden.test(text));
    expect(faults.map(({ path }) => path)).toEqual([]);
    expect(forbidden.test('<div dangerouslySetInnerHTML={x} />')).toBe(true);
  });

  it('show frames only with a sandbox that keeps the origin away', () => {
    const frames = readPages(/\.tsx$/, 'src/console').flatMap(
      ({ text }) => text.match(/<iframe[^>]*>/g) ?? [],
    );
    expect(frames.length).toBeGreaterThan(0);
    for (const frame of frames) {
      expect(frame).toContain('sandbox="allow-scripts"');
      expect(frame).not.toContain('allow-same-origin');
    }
  });
});
