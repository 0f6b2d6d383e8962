/**
 * Runs before every file of tests: a warning of Node fails the test during which it was given, and so does a pattern that
 * is compared with something that is none.
 */
import { afterAll, afterEach, expect } from 'vitest';
import { noteWarnings, takeWarnings } from './warnings.ts';

noteWarnings();
const check = async () => expect(await takeWarnings(), 'warnings of Node').toEqual([]);
afterEach(check);
// Also one of what a file does after its last test.
afterAll(check);

// `toMatchObject({ message: /x/ })` would hold for every text; `expect.stringMatching(/x/)` is what is meant.
expect.addEqualityTesters([
  (received: unknown, expected: unknown) =>
    expected instanceof RegExp && !(received instanceof RegExp) ? false : undefined,
]);
