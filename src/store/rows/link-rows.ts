/** The rows that a share link consists of. Pure, like everything that runs inside a decision. */
import type { Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ShareLinkRecord } from '../../index/records.ts';

/** Returns true for a link that opens nothing any more. */
export function isEnded({ revokeTime, expireTime }: ShareLinkRecord, now: number): boolean {
  return revokeTime !== undefined || expireTime <= now;
}

/** @param hash the hash of the token. */
export function putLink(tx: Writer, hash: string, record: ShareLinkRecord): void {
  tx.put(keys.links.record, [hash], record);
  putDerivedOfLink(tx, hash, record);
}

/** Puts the rows that are derived from a link's record. */
export function putDerivedOfLink(tx: Writer, hash: string, record: ShareLinkRecord): void {
  const { ns, uid, artifact, expireTime } = record;
  tx.put(keys.links.byTarget, [ns, uid, artifact, hash], true);
  tx.put(keys.calls.expiry, [expireTime, ns, 'link', hash], true);
}

/** The reverse of {@link putLink}, except for the row of the queue. */
export function delLink(tx: Writer, hash: string, { ns, uid, artifact }: ShareLinkRecord): void {
  tx.del(keys.links.record, hash);
  tx.del(keys.links.byTarget, ns, uid, artifact, hash);
}
