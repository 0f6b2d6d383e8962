/** Tokens that may push a limited number of bytes. Each commit counts the bytes that were pushed with its token. */
import { Failure } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Asking, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';

/** Counts bytes against a token that has a limit; it must have an end. @throws Failure QUOTA_EXCEEDED. */
export function* chargeToken(tx: Tx, by: Principal, bytes: number): Asking<void> {
  const limit = by.restriction?.pushBytesMax;
  if (limit === undefined) return;
  const { namespace: ns, subject, expireTime } = by;
  yield [keys.credentials.tokenUse.key(ns, subject)];
  const used = tx.get(keys.credentials.tokenUse, ns, subject)?.bytes ?? 0;
  if (used + bytes > limit) throw tokenUsedUp(limit, used);
  if (expireTime === undefined) throw new RangeError('a token with a limit of bytes must have an expiry');
  tx.put(keys.credentials.tokenUse, [ns, subject], { bytes: used + bytes, expireTime });
  tx.put(keys.calls.expiry, [expireTime, ns, 'token', subject], true);
}

/** QUOTA_EXCEEDED. */
export function tokenUsedUp(limit: number, used: number): Failure {
  return new Failure(
    'QUOTA_EXCEEDED',
    `this token may push ${limit} bytes in total, and ${used} were pushed with it; for more, use a new token`,
    { metadata: { quota: 'token_bytes', limit: String(limit), used: String(used) } },
  );
}
