/** The short form of `node test/faults/abuse/main.ts`. */
import { expect, it } from 'vitest';
import { abuseAll, faultsOf, lineOf } from './rig.ts';

it('abuse fails nobody else, and leaves nothing behind', { timeout: 600_000 }, async () => {
  const reports = await abuseAll(0.05);
  for (const report of reports) console.log(lineOf(report));
  expect(reports.flatMap(faultsOf)).toEqual([]);
  expect(reports.map(({ calls }) => calls > 0)).toEqual(reports.map(() => true));
});
