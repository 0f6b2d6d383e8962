/** Byte strings as map keys and as text for people. */
import { Buffer } from 'node:buffer';

/** Returns a buffer with the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns a text with one character per byte: equal for equal bytes only, and ordered as the bytes are. */
export function textOf(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('latin1');
}

/** Returns two lower-case digits for each byte. */
export function hexOf(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('hex');
}
