/** Deleting a session: one change of its state, which every reader honours. Its rows follow later. Pure. */
import { Failure } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Asking, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { SessionRecord } from '../../index/records.ts';
import { presentSession } from '../look/session.ts';
import { checkEtag, sealPending } from '../rows/failures.ts';
import { freeAgain } from '../rows/session-life.ts';
import { putSession } from '../rows/session-rows.ts';
import { leaveKept } from './kept-sessions.ts';

/** @throws Failure SESSION_NOT_FOUND, ARTIFACT_HELD, SEAL_PENDING, ETAG_MISMATCH. */
export function* decideDeleteSession(
  tx: Tx,
  by: Principal,
  id: SessionId,
  etag: string | undefined,
): Asking<void> {
  const found = yield* presentSession(tx, by, id, tx.now);
  if (found.state === 'sealing') throw sealPending(id);
  if (found.holds > 0) throw onHold(found);
  checkEtag(`session ${id}`, found, etag);
  yield* markDeleted(tx, found);
}

/** Marks the session as deleted: from now on it does not exist for any caller, and its id stays taken for a while. */
export function* markDeleted(tx: Tx, session: SessionRecord, goneSince = tx.now): Asking<void> {
  const { ns } = tx;
  const left = yield* leaveKept(tx, session);
  putSession(tx, session, { ...left, deleteTime: tx.now, revision: session.revision + 1 });
  tx.put(keys.sessions.name, [ns, session.id], { uid: session.uid, goneSince });
  tx.put(keys.calls.expiry, [freeAgain(goneSince), ns, 'gone', session.id], true);
}

function onHold({ id, holds }: SessionRecord): Failure {
  const what = holds === 1 ? 'an artifact on hold; release it' : `${holds} artifacts on hold; release them`;
  return new Failure('ARTIFACT_HELD', `session ${id} has ${what} first`, {
    metadata: { session: id, holds: String(holds) },
  });
}
