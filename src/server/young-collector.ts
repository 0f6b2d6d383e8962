/**
 * Keeps the memory of message buffers bounded. A message lives for a moment, but its bytes are outside the heap, where
 * V8 notices them late: by default an upload grows the process by a hundred megabytes of garbage before a collection. A
 * collection of the young generation after 16 MiB of messages takes about a millisecond. It frees all of them except
 * those that had to wait to be sent: two collections later they are old. When these have become many, the old
 * generation is collected too.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterRealTime } from '../api/timer.ts';
import { IdleCollector } from './idle-collector.ts';

const bytesBetweenCollections = 16 * 1024 * 1024;
/** The limit for the growth outside the heap since the old generation was last collected. */
const grownBytesMax = 96 * 1024 * 1024;

type Collect = (options: { type: 'minor' | 'major'; flavor?: 'last-resort' }) => void;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as Collect;

let bytesSeen = 0;
/** The smallest number of bytes outside the heap since then. */
let leastBytes = Number.POSITIVE_INFINITY;

const idle = new IdleCollector({
  after: afterRealTime,
  residentBytes: () => {
    try {
      return process.memoryUsage.rss();
    } catch {
      // It is read from a file, and too many may be open.
      return undefined;
    }
  },
  // Other collections keep empty pages for later.
  collect: () => collect({ type: 'major', flavor: 'last-resort' }),
});

/** Records the size of each message that was received or sent. */
export function noteMessage(bytes: number): void {
  idle.note();
  bytesSeen += bytes;
  if (bytesSeen < bytesBetweenCollections) return;
  bytesSeen = 0;
  idle.expectQuiet();
  collect({ type: 'minor' });
  const { external_memory: outsideBytes } = getHeapStatistics();
  leastBytes = Math.min(leastBytes, outsideBytes);
  if (outsideBytes - leastBytes < grownBytesMax) return;
  collect({ type: 'major' });
  // The collector frees buffers a little later, while other code runs.
  leastBytes = Number.POSITIVE_INFINITY;
}
