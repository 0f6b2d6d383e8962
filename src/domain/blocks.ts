/**
 * The memory of blocks of contents. Whoever passes one on still refers to it while it waits for the next to be asked for,
 * so that the collector would leave it: hundreds of streams that wait would keep a block each. Whoever is last to need
 * one frees it.
 */

const blocks = new WeakSet<ArrayBufferLike>();

/** Says that nobody else looks at the memory of `bytes`, and whoever sends it may free it. */
export function markBlock(bytes: Uint8Array): void {
  blocks.add(bytes.buffer);
}

/** Frees the memory of a block that is sent or copied: it is empty afterwards. Leaves all other bytes as they are. */
export function freeBlock(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (blocks.delete(buffer) && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Of messages that came in. They are kept apart: what was received may be stored as it is, and then sent. */
const received = new WeakSet<ArrayBufferLike>();

/** What is smaller may share its memory with others. */
const ownBytesMin = 64 * 1024;
/** The most that is in the memory of a received block beside it: heads, tags and lengths. */
const besideBytesMax = 64;

/** Says that a block came in memory of its own, which whoever has dealt with it may free. Small ones are left as they are. */
export function markReceived(bytes: Uint8Array): void {
  const { buffer, length } = bytes;
  if (length >= ownBytesMin && buffer.byteLength - length <= besideBytesMax) received.add(buffer);
}

/** Frees the memory of a block that came so, and was stored or copied: it is empty afterwards. */
export function freeReceived(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (received.delete(buffer) && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
