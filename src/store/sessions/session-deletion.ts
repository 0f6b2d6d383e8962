/** Deleting a session: one change of its state, which every reader honours. Its rows follow later. Pure. */
import { Failure } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/names.ts';
import type { Env } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { SessionRecord } from '../../index/records.ts';
import { checkEtag, sealPending } from '../rows/failures.ts';
import { asOf, emptySince, freeAgain, isOver } from '../rows/session-life.ts';
import { putSession } from '../rows/session-rows.ts';
import type { Draft, Rows } from '../rows/transaction.ts';
import { leaveKept } from './kept-sessions.ts';

/** False if there was nothing to delete. @throws Failure ARTIFACT_HELD, SEAL_PENDING, ETAG_MISMATCH. */
export function decideDeleteSession(
  ns: string,
  id: SessionId,
  etag: string | undefined,
  rows: Rows,
  draft: Draft,
  env: Env,
): boolean {
  const name = rows.get(keys.sessions.name, ns, id);
  if (name === undefined || name.goneSince !== undefined) return false;
  const found = rows.get(keys.sessions.record, ns, name.uid);
  if (found === undefined) return false;
  const now = asOf(found, env.now);
  if (isOver(now, env.now) && emptySince(now) <= env.now) return false;
  if (found.state === 'sealing') throw sealPending(id);
  if (found.holds > 0) throw held(found);
  checkEtag(`session ${id}`, found, etag);
  markDeleted(rows, draft, ns, found, env.now);
  return true;
}

/** The session is not there for anybody from now on; its id stays taken for a while. */
export function markDeleted(
  rows: Rows,
  draft: Draft,
  ns: string,
  session: SessionRecord,
  now: number,
  goneSince = now,
): void {
  const left = leaveKept(rows, draft, ns, session, now);
  putSession(draft, ns, session, { ...left, deleteTime: now, revision: session.revision + 1 });
  draft.put(keys.sessions.name, [ns, session.id], { uid: session.uid, goneSince });
  draft.put(keys.calls.expiry, [freeAgain(goneSince), ns, 'gone', session.id], true);
}

function held({ id, holds }: SessionRecord): Failure {
  const what = holds === 1 ? 'an artifact on hold; release it' : `${holds} artifacts on hold; release them`;
  return new Failure('ARTIFACT_HELD', `session ${id} has ${what} first`, {
    metadata: { session: id, holds: String(holds) },
  });
}
