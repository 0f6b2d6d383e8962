/** Entries of lists. The key of each is that of its list, and the 16 bytes of an inverted id: the newest comes first. */
import type { Entry } from './row.ts';
import type { Signature } from './signature.ts';

/** The number of bytes by which the key of an entry is longer than that of its list. */
export const suffixBytes = 16;

/** An entry of a list. */
export interface Listed {
  /** 16 bytes. */
  readonly suffix: Uint8Array;
  /** The signature of the thing; none in lists whose rows have none. */
  readonly signature: Signature;
}

/** Returns the entry that a row of a list is. */
export function listedIn([key, signature]: Entry): Listed {
  return { suffix: key.subarray(key.length - suffixBytes), signature };
}
