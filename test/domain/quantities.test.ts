/** Times and sizes as they are typed. */
import { describe, expect, it } from 'vitest';
import { parseSize, parseSpan } from '../../src/domain/quantities.ts';

describe('a time', () => {
  it.each([
    ['90s', 90_000],
    ['0.5s', 500],
    ['1.5h', 5_400_000],
    ['1.5m', 90_000],
    ['7d', 604_800_000],
    ['0.1w', 60_480_000],
    ['0s', 0],
    ['0.0001s', 0],
  ])('%s', (text, ms) => expect(parseSpan(text)).toBe(ms));

  it.each([
    '',
    's',
    '1',
    '1.',
    '.5h',
    '-1s',
    '+1s',
    '1 s',
    ' 1s',
    '1s ',
    '1H',
    '1h30m',
    '1e3s',
    '0x1s',
    'Infinitys',
    '1,5h',
  ])('not "%s"', (text) => expect(parseSpan(text)).toBeUndefined());
});

describe('a size', () => {
  it.each([
    ['0', 0],
    ['10B', 10],
    ['1.5KiB', 1_536],
    ['5GB', 5_000_000_000],
    ['1PiB', 2 ** 50],
    ['0.4B', 0],
  ])('%s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', 'B', '1K', '1Ki', '1kb', '1 KB', '-1', '1e3', '0x10', '1.', '1EB'])('not "%s"', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );
});
