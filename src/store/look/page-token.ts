/**
 * Page tokens. A token says where a listing continues. It is bound to the caller and to the query, and signed. So a
 * token that was altered, or that belongs to another query or caller, is refused; it never leads to a wrong answer.
 */
import { Buffer } from 'node:buffer';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';

const signatureBytes = 16;
const tokenCharactersMax = 4096;

/** Issues and opens tokens with one key: HMAC-SHA-256, cut to 16 bytes. */
export class PageTokens {
  private readonly key: Uint8Array;

  /** @param key at least 32 random bytes, kept in the store so that tokens survive a restart. */
  constructor(key: Uint8Array) {
    this.key = key;
  }

  /**
   * @param query everything that shapes the listing (namespace, kind, filters, order), in a stable form.
   * @param last the key after which the next page begins.
   */
  issue(query: readonly unknown[], last: Uint8Array): string {
    return Buffer.concat([this.sign(query, last), last]).toString('base64url');
  }

  /**
   * Returns the key in a token. @param field the field of the request that has the token. @throws Failure
   * PAGE_TOKEN_INVALID naming `field`.
   */
  open(query: readonly unknown[], token: string, field = 'page_token'): Buffer {
    if (token.length <= tokenCharactersMax && /^[A-Za-z0-9_-]+$/.test(token)) {
      const bytes = Buffer.from(token, 'base64url');
      const last = bytes.subarray(signatureBytes);
      const canonical = bytes.toString('base64url') === token;
      if (
        canonical &&
        last.length > 0 &&
        timingSafeEqual(bytes.subarray(0, signatureBytes), this.sign(query, last))
      )
        return last;
    }
    const description = 'is not a token of this query, or was altered; start again without one';
    throw new Failure('PAGE_TOKEN_INVALID', `${field}: ${description}`, {
      violations: [{ field, description }],
    });
  }

  private sign(query: readonly unknown[], last: Uint8Array): Buffer {
    const queryHash = createHash('sha256').update(JSON.stringify(query)).digest();
    return createHmac('sha256', this.key).update(queryHash).update(last).digest().subarray(0, signatureBytes);
  }
}
