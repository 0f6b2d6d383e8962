/** The table of long rigs: each can be asked for, and says where its short form is. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { rigs } from './rigs.ts';

const root = resolve(import.meta.dirname, '../..');

it('has one rig and one meaning for each option', () => {
  const names = rigs.flatMap(({ name, options = {} }) => [name, ...Object.keys(options)]);
  expect(new Set(['seed', 'seconds', 'list', ...names]).size).toBe(names.length + 3);
});

it('names a short form for each, which exists; only what must be asked for may have none', () => {
  const files = rigs.flatMap(({ short }) => short?.split(' ') ?? []);
  const isThere = (path: string) =>
    existsSync(resolve(root, path)) || existsSync(resolve(root, `${path}.test.ts`));
  expect(files.filter((path) => !isThere(path))).toEqual([]);
  expect(rigs.filter(({ short, isOnlyByName }) => short === undefined && !isOnlyByName)).toEqual([]);
});
