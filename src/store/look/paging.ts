/**
 * The tokens and the budgets of all listings. A token says where a listing continues. It is bound to the caller and to
 * the query, signed, and ends after {@link limits.pageTokenHours}. So a token that was altered, that is old, or that
 * belongs to another query or caller, is refused; it never leads to a wrong answer.
 */
import { Buffer } from 'node:buffer';
import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { Budget } from '../../domain/load/budget.ts';

/** The position at which a listing continues. */
export interface Position {
  /** The time of the first page, in milliseconds since the Unix epoch: the meaning of `now` in a query. */
  readonly now: number;
  /**
   * The instant as of which this page is read: not before that of the page before, which another process may have read
   * by another clock.
   */
  readonly time: number;
  /** The entry after which the page begins; undefined on the first page. */
  readonly after: Buffer | undefined;
}

interface PagingOptions {
  /** At least 32 random bytes, kept in the store so that tokens survive a restart. */
  readonly key: Uint8Array;
  /** Returns the time of the store, in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** The most rows, probes and records that one call may touch. Default {@link limits.queryTouchesMax}. */
  readonly touchesMax?: number | undefined;
}

const signatureBytes = 16;
const timeBytes = 8;
const headBytes = signatureBytes + 2 * timeBytes;
const tokenCharactersMax = 4096;
const tokenMs = limits.pageTokenHours * 3_600_000;

/** Changed with the layout of a token, so that the tokens of another layout are refused and never misread. */
const layout = 'artifacta page token 2';

/** Issues and opens tokens with one key, HMAC-SHA-256 cut to 16 bytes; and makes the budgets of the calls. */
export class Paging {
  private readonly options: PagingOptions;
  private readonly key: KeyObject;

  constructor(options: PagingOptions) {
    this.options = options;
    this.key = createSecretKey(options.key);
  }

  /**
   * Returns the budget of one call. @param reserve the touches that work which has begun may still need. Default 0.
   */
  budget(reserve = 0): Budget {
    const limit = this.options.touchesMax ?? limits.queryTouchesMax;
    return new Budget({ limit, reserve: Math.min(reserve, limit / 8) });
  }

  /**
   * Returns a token, or the empty text at the end of the listing.
   *
   * @param query everything that shapes the listing (caller, namespace, kind, filters, order), in a stable form.
   * @param position the position of this page.
   * @param last the entry after which the next page begins; undefined if none follows.
   */
  token(
    query: readonly unknown[],
    { now, time }: Pick<Position, 'now' | 'time'>,
    last: Uint8Array | undefined,
  ): string {
    if (last === undefined) return '';
    const times = Buffer.alloc(2 * timeBytes);
    times.writeBigUInt64BE(BigInt(Math.max(time, this.options.now())));
    times.writeBigUInt64BE(BigInt(now), timeBytes);
    const body = Buffer.concat([times, last]);
    return Buffer.concat([this.sign(query, body), body]).toString('base64url');
  }

  /**
   * Returns the position in a token; for an empty token, the beginning.
   *
   * @param field the field of the request that has the token.
   * @throws Failure PAGE_TOKEN_INVALID naming `field`.
   */
  open(query: readonly unknown[], token: string, field = 'page_token'): Position {
    const time = this.options.now();
    if (token === '') return { now: time, time, after: undefined };
    const body = this.bodyOf(query, token);
    if (body === undefined)
      throw refused(
        field,
        'must be one that an earlier response to the same request had, unaltered; start again without one',
      );
    // A clock that was put back makes a token older than now, or younger. Both are refused in the same way.
    const before = Number(body.readBigUInt64BE());
    if (Math.abs(time - before) >= tokenMs)
      throw refused(field, `must be less than ${limits.pageTokenHours} hours old; start again without one`);
    return {
      now: Number(body.readBigUInt64BE(timeBytes)),
      time: Math.max(time, before),
      after: body.subarray(2 * timeBytes),
    };
  }

  /** Returns what was signed; undefined if that is not this token. */
  private bodyOf(query: readonly unknown[], token: string): Buffer | undefined {
    if (token.length > tokenCharactersMax || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length <= headBytes || bytes.toString('base64url') !== token) return undefined;
    const body = bytes.subarray(signatureBytes);
    return timingSafeEqual(bytes.subarray(0, signatureBytes), this.sign(query, body)) ? body : undefined;
  }

  private sign(query: readonly unknown[], body: Uint8Array): Buffer {
    const queryHash = hash('sha256', JSON.stringify(query), 'buffer');
    const signed = createHmac('sha256', this.key).update(layout).update(queryHash).update(body);
    return signed.digest().subarray(0, signatureBytes);
  }
}

function refused(field: string, description: string): Failure {
  return new Failure('PAGE_TOKEN_INVALID', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
