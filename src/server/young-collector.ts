/**
 * Keeps the memory of message buffers bounded. A message lives for a moment, but its bytes are outside the heap, where
 * V8 notices them late: by default an upload grows the process by a hundred megabytes of garbage before a collection.
 * A collection of the young generation after 16 MiB of messages takes about a millisecond and frees them all.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const bytesBetweenCollections = 16 * 1024 * 1024;

type Collect = (options: { type: 'minor' }) => void;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as Collect;

let bytesSeen = 0;

/** Called with the size of each message that was received or sent. */
export function noteMessage(bytes: number): void {
  bytesSeen += bytes;
  if (bytesSeen < bytesBetweenCollections) return;
  bytesSeen = 0;
  collect({ type: 'minor' });
}
