/** Where pulled files go: names that mean harm, links that were planted, file systems that fold case. */
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CannotWrite, inWords } from '../../../src/client/files/cannot-write.ts';
import { type Segments, Target, type TargetStep } from '../../../src/client/files/target.ts';
import { NameRefused, segmentsOf, TargetNames } from '../../../src/client/files/target-names.ts';

/** What the refusal of a name advises. */
const alone = '; pull one of them alone, with --to FILE';

describe('a name', () => {
  it.each([
    ['', /empty/],
    ['/etc/passwd', /absolute/],
    ['//host/share', /absolute/],
    ['..', /"\.\."/],
    ['.', /"\."/],
    ['../x', /"\.\."/],
    ['a/../../x', /"\.\."/],
    ['a/..', /"\.\."/],
    ['a/./b', /"\."/],
    ['a//b', /empty segment/],
    ['a/', /empty segment/],
    ['a\0b', /control/],
    ['a\nb', /control/],
    ['\u001b[2J', /control/],
    ['a\u0085', /control/],
    ['..\\x', /backslash/],
    ['C:\\x', /backslash/],
    ['half \ud800', /Unicode/],
  ])('%j is no path', (name, message) => {
    expect(() => segmentsOf(name)).toThrow(NameRefused);
    expect(() => segmentsOf(name)).toThrow(message);
  });

  it.each([
    'a',
    'a/b/c',
    '.hidden',
    '...',
    '..a/b..',
    'with space',
    '漢字/ü',
    '-rf',
    '~',
    '$HOME',
    'CON',
    'a:b',
  ])('%j is one', (name) => {
    expect(segmentsOf(name).join('/')).toBe(name);
  });

  it('never leads out, whatever it is made of', () => {
    const part = fc.oneof(
      fc.constantFrom('.', '..', '/', '\\', '\0', 'a', '...', '~', ' '),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    let paths = 0;
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        let segments: string[];
        try {
          segments = segmentsOf(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(NameRefused);
          return;
        }
        paths++;
        expect(join('/root', ...segments)).toBe(`/root/${segments.join('/')}`);
      }),
      { numRuns: 2_000 },
    );
    expect(paths).toBeGreaterThan(50);
  });
});

describe('names beside each other', () => {
  const claimAll = (names: TargetNames, ...all: string[]) =>
    all.map((name) => {
      try {
        return names.claim(name).length;
      } catch (error) {
        return (error as Error).message;
      }
    });

  it('may not want a file to be a directory', () => {
    const names = new TargetNames(false);
    expect(claimAll(names, 'a', 'a/b', 'x/y/z', 'x/y', 'x', 'x/w', 'aa/b')).toEqual([
      1,
      `a/b cannot be written, because a is a file and would have to be a directory${alone}`,
      3,
      `x/y cannot be written as a file, because x/y/z needs a directory of that name${alone}`,
      `x cannot be written as a file, because x/y/z needs a directory of that name${alone}`,
      2,
      2,
    ]);
    expect(names.has('a')).toBe(true);
    expect(names.has('a/b')).toBe(false);
  });

  it('may differ in case only where files do', () => {
    const all = ['README', 'readme', 'straße', 'STRASSE', 'caf\u00e9', 'cafe\u0301', 'Dir/a', 'dir/b', 'DIR'];
    expect(claimAll(new TargetNames(false), ...all)).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 1]);
    expect(claimAll(new TargetNames(true), ...all)).toEqual([
      1,
      `readme and README would be one file on this file system${alone}`,
      1,
      `STRASSE and straße would be one file on this file system${alone}`,
      1,
      `cafe\u0301 and caf\u00e9 would be one file on this file system${alone}`,
      2,
      2,
      `DIR cannot be written as a file, because dir/b needs a directory of that name${alone}`,
    ]);
  });
});

describe('a target', () => {
  let directory: string;
  let root: string;
  let outside: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'artifacta-target-'));
    [root, outside] = [join(directory, 'root'), join(directory, 'outside')];
    await mkdir(outside);
  });

  afterEach(() => rm(directory, { recursive: true }));

  async function put(target: Target, segments: Segments, text: string): Promise<void> {
    await using file = await target.create(segments);
    await file.write(Buffer.from(text));
    await file.commit();
  }

  it('removes what pulls that were killed have left, once it is old, and nothing else', async () => {
    const target = await Target.open(root, { create: true });
    const old = new Date(Date.now() - 2 * 3_600_000);
    const names = [
      '.artifacta-0a1b-2c.part',
      '.artifacta-young.part',
      '.artifacta-.part',
      'a.part',
      '.artifacta-x.parts',
    ];
    for (const name of names) await writeFile(join(root, name), '');
    for (const name of names.filter((one) => !one.includes('young')))
      await utimes(join(root, name), old, old);
    await mkdir(join(root, '.artifacta-directory.part'));
    await utimes(join(root, '.artifacta-directory.part'), old, old);
    await using file = await target.create(['new']);
    await file.commit();
    const kept = [...names.slice(1), '.artifacta-directory.part', 'new'].sort();
    expect((await readdir(root)).sort()).toEqual(kept);
  });

  it('takes files, with the directories that they need, and leaves nothing else', async () => {
    const target = await Target.open(root, { create: true });
    await Promise.all(['1', '2', '3', '4'].map((name) => put(target, ['a', 'b', name], name)));
    await put(target, ['a', 'b', '1'], 'again');
    expect((await readdir(root, { recursive: true })).sort()).toEqual([
      'a',
      'a/b',
      'a/b/1',
      'a/b/2',
      'a/b/3',
      'a/b/4',
    ]);
    expect(await readFile(join(root, 'a/b/1'), 'utf8')).toBe('again');
    expect(await target.find(['a', 'b', '1'])).toBeDefined();
    expect(await target.find(['a', 'x', 'y'])).toBeUndefined();
  });

  it('keeps nothing of what is not committed', async () => {
    const target = await Target.open(root, { create: true });
    {
      await using file = await target.create(['x']);
      await file.write(Buffer.from('half'));
      expect(await readdir(root)).toHaveLength(1);
    }
    expect(await readdir(root)).toEqual([]);
  });

  it('does not follow links that were planted in it', async () => {
    await mkdir(join(root, 'real'), { recursive: true });
    await writeFile(join(outside, 'victim'), 'untouched');
    await symlink(outside, join(root, 'out'));
    await symlink('real', join(root, 'in'));
    await symlink('../outside/victim', join(root, 'file'));
    await symlink('../outside/new', join(root, 'dangling'));
    const target = await Target.open(root, { create: true });
    for (const segments of [
      ['out', 'x'],
      ['out', 'deep', 'x'],
      ['in', 'x'],
      ['file', 'x'],
    ] as const) {
      await expect(put(target, [...segments], 'evil')).rejects.toThrow(/is a symbolic link/);
      await expect(target.find([...segments])).rejects.toThrow(CannotWrite);
    }
    for (const name of ['file', 'dangling', 'out', 'in']) {
      await expect(target.find([name])).rejects.toThrow(/is a symbolic link/);
      await expect(put(target, [name], 'evil')).rejects.toThrow(/is a symbolic link/);
      expect((await lstat(join(root, name))).isSymbolicLink()).toBe(true);
    }
    expect(await readdir(outside)).toEqual(['victim']);
    expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('untouched');
    expect((await readdir(root, { recursive: true })).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('looks again before a file gets its name', async () => {
    const target = await Target.open(root, { create: true });
    await using file = await target.create(['a', 'x']);
    await file.write(Buffer.from('evil'));
    await rename(join(root, 'a'), join(root, 'moved'));
    await symlink(outside, join(root, 'a'));
    await expect(file.commit()).rejects.toThrow(/leads out/);
    await using other = await target.create(['y']);
    await symlink(join(outside, 'y'), join(root, 'y'));
    await expect(other.commit()).rejects.toThrow(/is a symbolic link/);
    expect(await readdir(outside)).toEqual([]);
  });

  describe.skipIf(process.platform !== 'linux')(
    'whose directories are exchanged while a file is written',
    () => {
      const steps: TargetStep[] = ['directory.found', 'directory.opened', 'file.begun', 'place.checked'];
      /** What is exchanged for a link that leads out: a directory on the way, the last one, and the root itself. */
      const exchanged = ['root/a', 'root/a/b', 'root'];
      const cases = steps.flatMap((step) => exchanged.map((path) => ({ step, path })));

      it.for(cases)('$path for a link after $step leaves nothing outside', async ({ step, path }) => {
        await mkdir(join(root, 'a', 'b'), { recursive: true });
        await mkdir(join(outside, 'a', 'b'), { recursive: true });
        await mkdir(join(outside, 'b'));
        await writeFile(join(outside, 'a', 'b', 'x'), 'untouched');
        const before = await readdir(outside, { recursive: true });
        let done = false;
        const onStep = async (passed: TargetStep) => {
          if (done || passed !== step) return;
          done = true;
          await rename(join(directory, path), join(directory, 'moved'));
          await symlink(outside, join(directory, path));
        };
        const target = await Target.open(root, { create: true, onStep });
        await put(target, ['a', 'b', 'x'], 'evil').catch((error: unknown) =>
          expect(error).toBeInstanceOf(CannotWrite),
        );
        expect(done).toBe(true);
        expect(await readdir(outside, { recursive: true })).toEqual(before);
        expect(await readFile(join(outside, 'a', 'b', 'x'), 'utf8')).toBe('untouched');
        const left = await readdir(join(directory, 'moved'), { recursive: true });
        expect(left.filter((name) => name.includes('.part'))).toEqual([]);
      });

      it('for another directory says so', async () => {
        const onStep = async (passed: TargetStep) => {
          if (passed !== 'file.begun') return;
          await rename(join(root, 'a'), join(directory, 'moved'));
          await mkdir(join(root, 'a'));
        };
        const target = await Target.open(root, { create: true, onStep });
        await expect(put(target, ['a', 'x'], 'x')).rejects.toThrow(
          `${join(root, 'a')} was replaced by another directory`,
        );
        expect(await readdir(join(directory, 'moved'))).toEqual([]);
        expect(await readdir(join(root, 'a'))).toEqual([]);
      });

      it('reads nothing outside to compare', async () => {
        await mkdir(join(root, 'a'), { recursive: true });
        for (const place of [join(root, 'a'), outside]) await writeFile(join(place, 'x'), place);
        const target = await Target.open(root, { create: true });
        const seen = await target.look(['a', 'x'], async (path) => {
          await rename(join(root, 'a'), join(directory, 'moved'));
          await symlink(outside, join(root, 'a'));
          return await readFile(path, 'utf8');
        });
        expect(seen).toBe(join(root, 'a'));
        await expect(target.look(['a', 'x'], async () => 'read')).rejects.toThrow('is a symbolic link');
      });
    },
  );

  it('does not replace what is no regular file', async () => {
    await mkdir(join(root, 'directory'), { recursive: true });
    await writeFile(join(root, 'file'), '');
    const target = await Target.open(root, { create: true });
    await expect(put(target, ['directory'], 'x')).rejects.toThrow(/not a regular file/);
    await expect(put(target, ['file', 'x'], 'x')).rejects.toThrow(/not a directory/);
  });

  it('may itself be named through a link', async () => {
    await mkdir(root);
    await symlink(root, join(directory, 'link'));
    const target = await Target.open(join(directory, 'link'), { create: true });
    await put(target, ['a', 'x'], 'x');
    expect(await readdir(join(root, 'a'))).toEqual(['x']);
    expect(target.shownPath(['a', 'x'])).toBe(join(directory, 'link', 'a', 'x'));
  });

  it('needs a directory', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(Target.open(join(directory, 'file'), { create: true })).rejects.toThrow(/not a directory/);
    const missing = join(directory, 'missing', 'deep');
    await expect(Target.open(missing, { create: true })).rejects.toThrow(
      `the directory ${join(directory, 'missing')} does not exist`,
    );
    await expect(Target.open(root, { create: false })).rejects.toThrow(
      `the directory ${root} does not exist`,
    );
  });

  it('finds out whether case counts', async () => {
    const target = await Target.open(directory, { create: true });
    await writeFile(join(directory, 'probe'), '');
    const folds = await lstat(join(directory, 'PROBE')).then(Boolean, () => false);
    expect(await target.foldsCase()).toBe(folds);
    // What a directory that folds case would show.
    await writeFile(join(directory, '.ARTIFACTA-X-CASE.PART'), '');
    const folding = await Target.open(directory, { create: true, unique: () => 'x' });
    expect(await folding.foldsCase()).toBe(true);
    expect((await readdir(directory)).filter((name) => name.endsWith('case.part'))).toEqual([]);
  });
});

it('errors of the file system are put in words, and some of them concern all files', () => {
  const error = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });
  expect(inWords(error('ENOSPC'), 'a/b')).toMatchObject({
    message: 'a/b cannot be written: the disk is full',
    concernsAll: true,
  });
  expect(inWords(error('EACCES'), 'a')).toMatchObject({ concernsAll: false });
  const other = new Error('other');
  expect(inWords(other, 'a')).toBe(other);
});
