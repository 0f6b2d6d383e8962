/** How far a check is, is told while it reads: one large content may take longer than all rows. */
import { expect, test } from 'vitest';
import { Verifier } from '../../../src/store/verify/verifier.ts';
import { specOf, tester } from '../../support/specs.ts';
import { openRig } from './verify-rig.ts';

test('a check that reads contents tells of every 64 MiB, also within one', async () => {
  await using rig = await openRig();
  const size = 150 * 1024 * 1024;
  await rig.store.uploads.create(tester, specOf({ session: 's', name: 'large' }), Buffer.alloc(size, 7));
  const told: [kind: string, bytes: number][] = [];
  for await (const event of new Verifier(rig.index, rig.blobs).check({ checkContents: true }))
    if (event.kind !== 'finding') told.push([event.kind, event.checked.bytes]);
  expect(told.map(([kind]) => kind)).toEqual(['progress', 'progress', 'summary']);
  const [first, second, all] = told.map(([, bytes]) => bytes);
  expect(first).toBeLessThan(second!);
  expect(second).toBeLessThan(size);
  expect(all).toBe(size);
});
