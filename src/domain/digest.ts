import type { Buffer } from 'node:buffer';

/** A SHA-256 digest as 64 lower-case hexadecimal characters. */
export type Sha256 = string & { readonly __brand: 'Sha256' };

const pattern = /^[0-9a-f]{64}$/;

/** Parses a digest. Upper case is accepted and folded. Returns undefined for any other text. */
export function parseSha256(text: string): Sha256 | undefined {
  const lower = text.toLowerCase();
  return pattern.test(lower) ? (lower as Sha256) : undefined;
}

/** @param bytes hold the 32 bytes of a digest from `from` on. */
export function sha256FromBytes(bytes: Buffer, from = 0): Sha256 {
  return bytes.toString('hex', from, from + 32) as Sha256;
}

/** Writes the 32 bytes of a digest into `target` from `at` on. */
export function writeSha256(digest: Sha256, target: Buffer, at: number): void {
  target.write(digest, at, 'hex');
}
