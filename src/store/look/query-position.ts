/**
 * The position at which a query continues: the meaning of its `now` on the first page, and the last entry of the page
 * before. A page token holds this, bound to the caller and to the query.
 */
import { Buffer } from 'node:buffer';
import type { PageTokens } from './page-token.ts';

/** The position at which a query continues. */
export interface Position {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Undefined on the first page. */
  readonly after: Uint8Array | undefined;
}

const nowBytes = 8;

/** @throws Failure PAGE_TOKEN_INVALID. */
export function openPosition(
  tokens: PageTokens,
  query: readonly unknown[],
  pageToken: string,
  now: number,
): Position {
  if (pageToken === '') return { now, after: undefined };
  const bytes = tokens.open(query, pageToken);
  return { now: Number(bytes.readBigUInt64BE()), after: bytes.subarray(nowBytes) };
}

/** Returns a page token for a position. */
export function issuePosition(
  tokens: PageTokens,
  query: readonly unknown[],
  now: number,
  last: Uint8Array,
): string {
  const head = Buffer.alloc(nowBytes);
  head.writeBigUInt64BE(BigInt(now));
  return tokens.issue(query, Buffer.concat([head, last]));
}
