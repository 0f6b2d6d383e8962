import { Buffer } from 'node:buffer';

/** A SHA-256 digest as 64 lower-case hexadecimal characters. */
export type Sha256 = string & { readonly __brand: 'Sha256' };

const pattern = /^[0-9a-f]{64}$/;

/** Parses a digest. Upper case is accepted and folded. Returns undefined for any other text. */
export function parseSha256(text: string): Sha256 | undefined {
  const lower = text.toLowerCase();
  return pattern.test(lower) ? (lower as Sha256) : undefined;
}

/** @param bytes the 32 bytes of a digest. */
export function sha256FromBytes(bytes: Uint8Array): Sha256 {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex') as Sha256;
}

/** Returns the 32 bytes of a digest. */
export function sha256ToBytes(digest: Sha256): Uint8Array {
  return Buffer.from(digest, 'hex');
}
