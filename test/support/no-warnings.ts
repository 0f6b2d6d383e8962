/** Runs before every file of tests: a warning of Node fails the test during which it was given. */
import { afterAll, afterEach, expect } from 'vitest';
import { noteWarnings, takeWarnings } from './warnings.ts';

noteWarnings();
const check = async () => expect(await takeWarnings(), 'warnings of Node').toEqual([]);
afterEach(check);
// Also one of what a file does after its last test.
afterAll(check);
