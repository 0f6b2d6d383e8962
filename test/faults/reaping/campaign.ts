/** The long form of the rig that kills what ends things: each passing of each step. */
import { BucketProcess } from '../bucket/bucket-process.ts';
import type { Outcome } from '../outcome.ts';
import { killEndings } from './rig.ts';

/** @param on `disk` or `bucket`. Undefined: both. @throws RangeError */
export async function* killAllEndings(
  on: string | undefined,
  isOver: () => boolean,
): AsyncGenerator<Outcome> {
  if (on !== undefined && on !== 'disk' && on !== 'bucket')
    throw new RangeError(`--reaped-on: must be disk or bucket, not ${on}`);
  if (on !== 'bucket') {
    const { faults, tally } = await killEndings({ bucket: undefined });
    yield { name: 'endings, contents on a disk', faults, said: JSON.stringify(tally) };
  }
  if (on === 'disk' || isOver()) return;
  await using bucket = await BucketProcess.start();
  const { faults, tally } = await killEndings({ bucket });
  yield { name: 'endings, contents in a bucket', faults, said: JSON.stringify(tally) };
}
