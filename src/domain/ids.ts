/**
 * Ids of artifacts and of sessions (their uids). An id is a UUIDv7 (RFC 9562) written as a TypeID: a prefix, `_` and 26
 * characters of lower-case Crockford base32 (https://github.com/jetify-com/typeid, version 0.3). The text of ids sorts
 * like their bytes, and their bytes sort by time.
 */
import { v7 } from 'uuid';

/** `art_` and 26 characters. */
export type ArtifactId = string & { readonly __brand: 'ArtifactId' };
/** `ses_` and 26 characters: the internal name of a session, minted when it is opened. */
export type SessionUid = string & { readonly __brand: 'SessionUid' };

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const digits = new Int8Array(128).fill(-1);
for (let value = 0; value < alphabet.length; value++) digits[alphabet.charCodeAt(value)] = value;

const idBytes = 16;
const prefixCharacters = 4;
const idCharacters = 26;

/** Writes the 16 bytes from `from` on as 26 base32 characters, five bits each after two zero bits. */
function encodeBase32(bytes: Uint8Array, from: number): string {
  let text = '';
  let bits = 2; // the two leading zero bits
  let value = 0;
  for (let at = from; at < from + idBytes; at++) {
    value = (value << 8) | bytes[at]!;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return text;
}

/**
 * Does the reverse, for the characters after the prefix of an id. Returns false, when a part may have been written,
 * unless they are 26 characters of the alphabet that fit 128 bits.
 */
function decodeBase32(id: string, bytes: Uint8Array, from: number): boolean {
  if (id.length !== prefixCharacters + idCharacters || id[prefixCharacters]! > '7') return false;
  let at = from;
  let bits = -2;
  let value = 0;
  for (let index = prefixCharacters; index < prefixCharacters + idCharacters; index++) {
    const digit = digits[id.charCodeAt(index)] ?? -1;
    if (digit < 0) return false;
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 0xff;
      value &= (1 << bits) - 1;
    }
  }
  return true;
}

/** @param bytes hold the 16 bytes of a UUIDv7 from `from` on. */
export function artifactId(bytes: Uint8Array, from = 0): ArtifactId {
  return `art_${encodeBase32(bytes, from)}` as ArtifactId;
}

/** @param bytes hold the 16 bytes of a UUIDv7 from `from` on. */
export function sessionUid(bytes: Uint8Array, from = 0): SessionUid {
  return `ses_${encodeBase32(bytes, from)}` as SessionUid;
}

/** Returns the 16 bytes of an id that came from {@link artifactId} or {@link sessionUid}, or that was parsed. */
export function idToBytes(id: ArtifactId | SessionUid): Uint8Array {
  const bytes = new Uint8Array(idBytes);
  writeId(id, bytes, 0);
  return bytes;
}

/** Writes these bytes into `target` from `at` on, where 16 bytes have room. */
export function writeId(id: ArtifactId | SessionUid, target: Uint8Array, at: number): void {
  if (!decodeBase32(id, target, at)) throw new RangeError(`not an id: ${id}`);
}

/** Parses an artifact id. Returns undefined for any other text. */
export function parseArtifactId(text: string): ArtifactId | undefined {
  const isOne = text.startsWith('art_') && decodeBase32(text, new Uint8Array(idBytes), 0);
  return isOne ? (text as ArtifactId) : undefined;
}

/**
 * Returns a source of strictly increasing UUIDv7s. The time of an id is the `nowMs` that it was minted with, which must
 * not be less than that of the id before. Within one millisecond a 32-bit counter grows.
 */
export function idMinter(random: (length: number) => Uint8Array): (nowMs: number) => Uint8Array {
  let lastMs = -1;
  let sequence = 0;
  return (nowMs) => {
    if (nowMs > lastMs) {
      lastMs = nowMs;
      // Half of the range stays free for counting, which no millisecond uses up.
      sequence = new DataView(Uint8Array.from(random(4)).buffer).getUint32(0) >>> 1;
    } else {
      sequence++;
    }
    return v7({ msecs: lastMs, seq: sequence, random: random(16) }, new Uint8Array(idBytes));
  };
}
