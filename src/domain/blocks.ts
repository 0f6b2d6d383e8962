/**
 * The memory of blocks of contents. Code that passes a block on still refers to it while it waits for a request for the
 * next one. The garbage collector would keep that block, and hundreds of waiting streams would keep one block each. So
 * the last user of a block frees it.
 *
 * Fresh memory of this size comes from the system, which clears it page by page. So a few freed blocks are kept for the
 * next reads. Their memory moves to a new object: older references to the block see an empty one.
 */

const blocks = new WeakSet<ArrayBufferLike>();

/** The size of a whole block, in bytes: of the pieces in which contents are read. Only whole blocks are kept. */
export const wholeBlockBytes = 1024 * 1024;
/** The most blocks that are kept: 16 MiB. */
const keptMax = 16;
const kept: ArrayBuffer[] = [];

/** Returns memory of its own for a block of `length` bytes, with arbitrary contents. */
export function takeBlock(length: number): Uint8Array {
  const memory = length === wholeBlockBytes ? kept.pop() : undefined;
  return memory === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(memory);
}

/** Records that no other code uses the memory of `bytes`, so that the code that sends it may free it. */
export function markBlock(bytes: Uint8Array): void {
  blocks.add(bytes.buffer);
}

/** Returns true if only the code that sends `bytes` uses their memory. */
export function isBlock(bytes: Uint8Array): boolean {
  return blocks.has(bytes.buffer);
}

/** Frees the memory of a block that was sent or copied, which is empty afterwards. Leaves all other bytes alone. */
export function freeBlock(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!blocks.delete(buffer) || !(buffer instanceof ArrayBuffer)) return;
  if (buffer.byteLength === wholeBlockBytes && kept.length < keptMax) kept.push(buffer.transfer());
  else buffer.transfer(0);
}

/**
 * The memory of messages that came in. It is separate, since a received block may be stored as it is, and then sent.
 */
const received = new WeakSet<ArrayBufferLike>();

/** Smaller blocks may share their memory with others. */
const ownBytesMin = 64 * 1024;
/** The most bytes in the memory of a received block in addition to the block: heads, tags and lengths. */
const besideBytesMax = 64;

/** Records that a block came in memory of its own, which its last user may free. Leaves small blocks alone. */
export function markReceived(bytes: Uint8Array): void {
  const { buffer, length } = bytes;
  if (length >= ownBytesMin && buffer.byteLength - length <= besideBytesMax) received.add(buffer);
}

/** Frees the memory of bytes that no code uses any more, unless it has more than these bytes. */
export function freeWhole({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength > 0 && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Records that a message came into memory that no other code uses. */
export function markOwn({ buffer }: Uint8Array): void {
  received.add(buffer);
}

/** The size of the memory for a message with a chunk of the usual size, in bytes. */
const messageBytes = wholeBlockBytes + besideBytesMax;
/** The most of it that is kept: 16 MiB. */
const messagesKeptMax = 16;
const messagesKept: ArrayBuffer[] = [];

/**
 * Returns memory for a message that is arriving, with arbitrary contents: for all of its `wholeBytes`, if memory that
 * was used for another message is free, else for the `bytes` that have arrived and half as many.
 */
export function takeReceived(bytes: number, wholeBytes: number, bytesMin: number): Buffer {
  const isUsual = wholeBytes <= messageBytes && wholeBytes > messageBytes / 4;
  const memory = isUsual ? messagesKept.pop() : undefined;
  if (memory !== undefined) return Buffer.from(memory);
  const length = Math.min(wholeBytes, Math.max(bytes + (bytes >> 1), bytesMin));
  return Buffer.allocUnsafeSlow(isUsual && length === wholeBytes ? messageBytes : length);
}

/** Frees the memory of such a block after it was stored or copied. The block is empty afterwards. */
export function freeReceived(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!received.delete(buffer) || !(buffer instanceof ArrayBuffer)) return;
  if (buffer.byteLength === messageBytes && messagesKept.length < messagesKeptMax)
    messagesKept.push(buffer.transfer());
  else buffer.transfer(0);
}
