import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { applyPatch } from 'diff';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import type { Store } from '../../../src/store/open.ts';
import { newDirectory } from '../../support/command.ts';
import { Collected, commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let client: ArtifactaClient;
let cli: ReturnType<typeof commandLine>;

beforeEach(async () => {
  store = await openTestStore();
  client = await connect(transportTo(store));
  cli = commandLine(transportTo(store));
});

afterEach(() => store[Symbol.asyncDispose]());

async function push(session: string, name: string, content: string | Uint8Array, said = {}): Promise<string> {
  return (await client.push(content, { session, name, ...said })).artifact.id;
}

async function twoRuns(): Promise<void> {
  await push('good', 'report.md', 'one\ntwo\nthree\n');
  await push('bad', 'report.md', 'one\n2\nthree\n');
  await push('good', 'only/good', 'x');
  await push('bad', 'only/bad', 'no newline');
  await push('good', 'image', Uint8Array.of(0, 255, 1));
  await push('bad', 'image', Uint8Array.of(0, 255, 2));
  await push('good', 'labelled', 'x', { metadata: { k: '1' } });
  await push('bad', 'labelled', 'x', { metadata: { k: '2' } });
  for (const session of ['good', 'bad']) await push(session, 'same', 'x');
}

describe('diff', () => {
  it('is a table of the names that differ', async () => {
    await twoRuns();
    const ran = await cli(['diff', 'good', 'bad']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const table = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
    expect(table(ran.text)).toEqual([
      ['CHANGE', 'BEFORE', 'AFTER', 'NAME'],
      ['changed', '3 B', '3 B', 'image'],
      ['metadata', '1 B', '1 B', 'labelled'],
      ['added', '-', '10 B', 'only/bad'],
      ['removed', '1 B', '-', 'only/good'],
      ['changed', '14 B', '12 B', 'report.md'],
    ]);
    expect(table((await cli(['diff', 'good', 'bad', '--all'])).text).at(-1)).toEqual([
      'same',
      '1 B',
      '1 B',
      'same',
    ]);
    expect(await cli(['diff', 'good', 'good'])).toMatchObject({
      code: 0,
      text: '',
      stderr: 'artifacta: the sessions do not differ\n',
    });
  });

  it('is one JSON document for each name, or ids', async () => {
    await twoRuns();
    const { json } = await cli(['diff', 'good', 'bad', '--json']);
    expect(json.map(({ name, kind }) => [name, kind])).toEqual([
      ['image', 'CONTENT'],
      ['labelled', 'METADATA'],
      ['only/bad', 'ADDED'],
      ['only/good', 'REMOVED'],
      ['report.md', 'CONTENT'],
    ]);
    expect(json[2]).toMatchObject({ base: null, compared: { session: 'bad', size_bytes: 10 } });
    expect(json[3]).toMatchObject({ base: { session: 'good' }, compared: null });
    const ids = (await cli(['diff', 'good', 'bad', '--quiet'])).text.trimEnd().split('\n');
    expect(ids).toEqual(json.map(({ base, compared }) => ((compared ?? base) as { id: string }).id));
    expect(await cli(['diff', 'good', 'good', '--json'])).toMatchObject({ code: 0, text: '', stderr: '' });
  });

  it('of one text is its lines', async () => {
    await twoRuns();
    const text = async (name: string) => (await cli(['diff', 'good', 'bad', '--text', name])).text;
    expect(await text('report.md')).toBe(
      '--- good/report.md\n+++ bad/report.md\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n',
    );
    expect(await text('only/bad')).toBe(
      '--- /dev/null\n+++ bad/only/bad\n@@ -0,0 +1,1 @@\n+no newline\n\\ No newline at end of file\n',
    );
    expect(await text('only/good')).toContain('+++ /dev/null\n');
    expect(await text('image')).toBe('image differs: it is not text\n');
    expect(await text('same')).toBe('');
  });

  it('of all texts makes one run of the other', async () => {
    await twoRuns();
    const ran = await cli(['diff', 'good', 'bad', '--patch']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.text).toContain('The metadata or content types of labelled differ\n');
    expect(ran.text).toContain('image differs: it is not text\n');
    const { text } = await cli(['diff', 'good', 'bad', '--text', 'report.md']);
    expect(ran.text).toContain(text);
    expect(applyPatch('one\ntwo\nthree\n', text)).toBe('one\n2\nthree\n');
  });

  it('names what has spaces so that the name is whole: a TAB ends it, where no quotes do', async () => {
    const names = ['a name', 'in a/directory with  spaces', 'ends ', '漢 字', 'plain', 'say "it" so'];
    for (const name of names) {
      await push('good', name, 'one\n');
      await push('bad', name, 'two\n');
    }
    await push('bad', 'only here', 'new\n');
    await push('bad', 'empty one', '');
    const { text } = await cli(['diff', 'good', 'bad', '--patch']);
    const headers = text.split('\n').filter((line) => /^(---|\+\+\+) /.test(line));
    expect(
      headers.filter((line) => !line.includes('"') && line.split(' ').length > 2 !== line.endsWith('\t')),
    ).toEqual([]);
    expect(headers).toContain('--- good/a name\t');
    expect(headers).toContain('+++ bad/plain');
    for (const [program, ...args] of [
      ['patch', '-p1', '--quiet'],
      ['git', 'apply', '-p1'],
    ] as const) {
      if (spawnSync(program, ['--version']).status !== 0) continue;
      const directory = await newDirectory();
      for (const name of names) {
        await mkdir(join(directory, name, '..'), { recursive: true });
        await writeFile(join(directory, name), 'one\n');
      }
      const applied = spawnSync(program, args, { cwd: directory, input: text, encoding: 'utf8' });
      expect({ program, status: applied.status, stderr: applied.stderr + applied.stdout }).toEqual({
        program,
        status: 0,
        stderr: '',
      });
      for (const name of names) expect(await readFile(join(directory, name), 'utf8')).toBe('two\n');
      expect(await readFile(join(directory, 'only here'), 'utf8')).toBe('new\n');
    }
  });

  it('does not compare the lines of what is large or has nothing in common', async () => {
    const lines = (word: string, count: number) =>
      Array.from({ length: count }, (_, at) => `${word}${at}\n`).join('');
    await push('good', 'large', 'x'.repeat(1024 * 1024));
    await push('bad', 'large', 'x'.repeat(1024 * 1024 + 1));
    await push('good', 'other', lines('a', 4_000));
    await push('bad', 'other', lines('b', 4_000));
    await push('good', 'long', lines('a', 50_000));
    await push('bad', 'long', `${lines('a', 50_000)}end\n`);
    const { text } = await cli(['diff', 'good', 'bad', '--patch']);
    expect(text.split('\n')).toEqual([
      'large differs: it has more than 1048576 bytes, and is not compared line by line',
      '--- good/long',
      '+++ bad/long',
      '@@ -49998,3 +49998,4 @@',
      ' a49997',
      ' a49998',
      ' a49999',
      '+end',
      'other differs in more than 5000 lines',
      '',
    ]);
  });

  it('does not let what was stored steer the terminal', async () => {
    await push('good', 'evil', 'a\tb\n');
    await push('bad', 'evil', '\u001b]0;owned\u0007\tb\n');
    const stdout = Object.assign(new Collected(), { isTTY: true });
    await cli(['diff', 'good', 'bad', '--patch'], { io: { stdout } });
    expect(stdout.bytes.toString()).toContain('\n+\\u001b]0;owned\\u0007\tb\n');
    // What is not for a terminal is what it was.
    expect((await cli(['diff', 'good', 'bad', '--patch'])).text).toContain('\n+\u001b]0;owned\u0007\tb\n');
  });

  it.each([
    [['diff', 'good', 'nobody'], 3, /SESSION_NOT_FOUND/],
    [['diff', 'nobody', 'good', '--text', 'a'], 3, /SESSION_NOT_FOUND/],
    [['diff', 'good', 'bad', '--text', 'nothing'], 3, /ARTIFACT_NOT_FOUND/],
    [['diff', 'good', 'bad', '--text', 'same', '--patch'], 2, /--text/],
    [['diff', 'good', 'bad', '--patch', '--json'], 2, /--json/],
    [['diff', 'good', 'bad', '--text', 'same', '--quiet'], 2, /--quiet/],
    [['diff', 'good', 'bad', '--patch', '--all'], 2, /--all/],
    [['diff', 'a/b', 'bad'], 2, /base_session/],
    [['diff', 'good'], 2, /session/],
  ])('%j', async (argv, code, message) => {
    await twoRuns();
    expect(await cli(argv)).toMatchObject({ code, stderr: expect.stringMatching(message), text: '' });
  });
});
