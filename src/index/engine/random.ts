import { randomBytes } from 'node:crypto';

const poolBytes = 4_096;

/**
 * Works as `randomBytes`, but asks the system for many bytes at a time: ids take 16 each, thousands of times a second.
 */
export function pooledRandom(): (length: number) => Uint8Array {
  let pool: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (length) => {
    if (length > poolBytes) return randomBytes(length);
    if (at + length > pool.length) {
      pool = randomBytes(poolBytes);
      at = 0;
    }
    at += length;
    return pool.subarray(at - length, at);
  };
}
