import { mkdir, open } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { inWords } from '../../src/domain/system/words.ts';

it.each([
  ['a file that is not there', () => open('/nosuch/file'), 'it does not exist'],
  ['a file below a file', () => open('/etc/hostname/x'), 'a part of the path is not a directory'],
  ['something else', () => mkdir('/'), 'something else has this name'],
  ['our own error', () => Promise.reject(new Error('it is ours')), 'it is ours'],
  ['no error', () => Promise.reject('a text'), 'a text'],
])('%s is told in words', async (_what, fail, expected) => {
  const error = await fail().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(inWords(error)).toBe(expected);
});
