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
