/** Remembers what was read once: only what is read again is worth its memory. */

/** The number of hashes that are remembered. */
const hashesMax = 8_192;
/** Hashes with the same last bits share this many places: a few that are read in turn do not push out each other. */
const placesOfSet = 4;
const setMask = hashesMax / placesOfSet - 1;

/** The hashes of the texts that were read once lately. */
export class ReadOnce {
  /** In each set, the newest first. */
  private readonly hashes = new Uint32Array(hashesMax);

  /** Returns true if the text was read before; notes that it was read now. */
  isReadAgain(text: string): boolean {
    const { hashes } = this;
    const hash = hashOf(text);
    const first = (hash & setMask) * placesOfSet;
    for (let at = first; at < first + placesOfSet; at++) if (hashes[at] === hash) return true;
    hashes.copyWithin(first + 1, first, first + placesOfSet - 1);
    hashes[first] = hash;
    return false;
  }
}

/**
 * FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), then mixed as MurmurHash3 does it at first
 * (https://github.com/aappleby/smhasher): keys that differ little would share their last bits.
 */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
