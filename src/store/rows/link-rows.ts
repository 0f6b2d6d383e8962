/** The rows that a share link consists of. Pure, like everything that runs inside a `decide`. */
import { keys } from '../../index/keys.ts';
import type { ShareLinkRecord } from '../../index/records.ts';
import type { Draft } from './transaction.ts';

/** True for one that opens nothing any more. */
export function isEnded({ revokeTime, expireTime }: ShareLinkRecord, now: number): boolean {
  return revokeTime !== undefined || expireTime <= now;
}

/** @param hash of the token. */
export function putLink(draft: Draft, hash: string, record: ShareLinkRecord): void {
  draft.put(keys.links.record, [hash], record);
  putDerivedOfLink(draft, hash, record);
}

/** What is derived from a link's record. */
export function putDerivedOfLink(draft: Draft, hash: string, record: ShareLinkRecord): void {
  const { ns, uid, artifact, expireTime } = record;
  draft.put(keys.links.byTarget, [ns, uid, artifact, hash], true);
  draft.put(keys.calls.expiry, [expireTime, ns, 'link', hash], true);
}

/** The reverse of {@link putLink}, but for the row of the queue. */
export function delLink(draft: Draft, hash: string, { ns, uid, artifact }: ShareLinkRecord): void {
  draft.del(keys.links.record, hash);
  draft.del(keys.links.byTarget, ns, uid, artifact, hash);
}
