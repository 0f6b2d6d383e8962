/**
 * The signature of an artifact, which each row that lists it carries: a few bits for each of its facts that never
 * change. A scan leaves out the rows whose signature lacks the bits of what is asked for, without a look-up. A row
 * without a signature, as earlier releases wrote them, may have every fact, and so may a row with a signature of
 * another length. See docs/decisions/0064-signatures.md.
 */

/** Four bytes, or none. */
export type Signature = Uint8Array;

/** A fact of an artifact that never changes, as a hash of it. */
export type Fact = number;

/** FNV-1a, 32 bits, of what gave `hash` and then this text. It must never change: rows keep what is made of it. */
function hashed(hash: number, text: string): number {
  let next = hash;
  for (let at = 0; at < text.length; at++) next = Math.imul(next ^ text.charCodeAt(at), 0x01000193);
  return next;
}

/** Mixes the low bits, of which signatures are made, with all others. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (once ^ (once >>> 12)) >>> 0;
}

const begin = 0x811c9dc5;
const letters = {
  metadata: hashed(begin, 'm'),
  type: hashed(begin, 't'),
  name: hashed(begin, 'n'),
  session: hashed(begin, 's'),
} as const;

/** The facts that signatures have, each with a letter of its own. */
export const facts = {
  metadata: (key: string, value: string): Fact =>
    mixed(hashed(hashed(hashed(letters.metadata, key), '\0'), value)),
  /** @param mediaType without parameters. */
  type: (mediaType: string): Fact => mixed(hashed(letters.type, mediaType)),
  name: (name: string): Fact => mixed(hashed(letters.name, name)),
  session: (id: string): Fact => mixed(hashed(letters.session, id)),
} as const;

/** The length of a signature in bytes. */
export const signatureBytes = 4;
/**
 * The number of bits that a fact has. Nine facts, as an artifact with six metadata keys has, set about two fifths of all
 * bits; so of five artifacts without a fact, one seems to have it.
 */
const bitsOfFact = 2;
const positionBits = Math.log2(8 * signatureBytes);
const positionMask = 8 * signatureBytes - 1;

/** The signature of rows that have none. */
export const noSignature: Signature = new Uint8Array(0);

/** Returns the signature of what has these facts. */
export function signatureOf(all: Iterable<Fact>): Signature {
  const bits = new Uint8Array(signatureBytes);
  for (const fact of all) {
    let hash = fact;
    for (let bit = 0; bit < bitsOfFact; bit++) {
      const position = hash & positionMask;
      bits[position >> 3]! |= 1 << (position & 7);
      hash >>>= positionBits;
    }
  }
  return bits;
}

/** Returns false if what has this signature lacks one of the facts whose signature is `wanted`. */
export function mayHave(signature: Signature, wanted: Signature): boolean {
  if (signature.length !== signatureBytes) return true;
  for (let at = 0; at < signatureBytes; at++)
    if ((signature[at]! & wanted[at]!) !== wanted[at]!) return false;
  return true;
}

/** Returns true if the signature says something about its artifact. */
export function isSigned(signature: Signature): boolean {
  return signature.length === signatureBytes;
}
