/** That a warning of Node fails the test during which it is given, since nobody reads the others. */
import { describe, expect, it } from 'vitest';
import { noteWarningsIn, takeWarnings } from './support/warnings.ts';

describe('a warning', () => {
  it('of this process is noted once', async () => {
    clearTimeout(setTimeout(() => undefined, 2 ** 31));
    expect(await takeWarnings()).toEqual([expect.stringMatching(/^TimeoutOverflowWarning: 2147483648 /)]);
    expect(await takeWarnings()).toEqual([]);
  });

  it('of a process that was started is noted', async () => {
    noteWarningsIn('one\n(node:12) ExperimentalWarning: something\n(Use `node --trace-warnings ...`)\n');
    expect(await takeWarnings()).toEqual(['ExperimentalWarning: something']);
  });
});
