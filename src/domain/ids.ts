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
const idCharacters = 26;

/** Writes 16 bytes as 26 base32 characters, five bits each after two zero bits. */
function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 2; // the two leading zero bits
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return text;
}

/** Does the reverse. Returns undefined unless `text` is 26 characters of the alphabet that fit 128 bits. */
function decodeBase32(text: string): Uint8Array | undefined {
  if (text.length !== idCharacters || text[0]! > '7') return undefined;
  const bytes = new Uint8Array(idBytes);
  let at = 0;
  let bits = -2;
  let value = 0;
  for (let index = 0; index < idCharacters; index++) {
    const digit = digits[text.charCodeAt(index)] ?? -1;
    if (digit < 0) return undefined;
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 0xff;
      value &= (1 << bits) - 1;
    }
  }
  return bytes;
}

/** @param bytes the 16 bytes of a UUIDv7. */
export function artifactId(bytes: Uint8Array): ArtifactId {
  return `art_${encodeBase32(bytes)}` as ArtifactId;
}

/** @param bytes the 16 bytes of a UUIDv7. */
export function sessionUid(bytes: Uint8Array): SessionUid {
  return `ses_${encodeBase32(bytes)}` as SessionUid;
}

/** Returns the 16 bytes of an id that came from {@link artifactId} or {@link sessionUid}, or that was parsed. */
export function idToBytes(id: ArtifactId | SessionUid): Uint8Array {
  const bytes = decodeBase32(id.slice(4));
  if (bytes === undefined) throw new RangeError(`not an id: ${id}`);
  return bytes;
}

/** Parses an artifact id. Returns undefined for any other text. */
export function parseArtifactId(text: string): ArtifactId | undefined {
  return text.startsWith('art_') && decodeBase32(text.slice(4)) ? (text as ArtifactId) : undefined;
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
