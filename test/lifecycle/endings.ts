/** Sessions that end in every way, and what is told of them. */
import { target, tester } from '../support/specs.ts';
import { day, hour, type Rig, reasonOf } from './rig.ts';

/** Sessions that end in every way, small ones and large ones, and some that do not. */
export async function fill(rig: Rig): Promise<void> {
  const retention = { ttlMs: { succeeded: day, abandoned: day } };
  const many = async (id: string, count: number) => {
    for (let at = 0; at < count; at++) await rig.push(id, `n${at % 60}`, { bytes: `${id} ${at}` });
  };
  for (const id of ['small', 'large', 'survived']) await rig.open(id, { retention });
  await many('small', 3);
  // More than go in one transaction, and more events than a small session has.
  await many('large', 230);
  await many('survived', 60);
  await rig.store.artifacts.update(tester, target('survived', 'n1'), { expiry: { ttlMs: 5 * day } });
  await rig.store.artifacts.update(tester, target('survived', 'n2'), { hold: true });
  for (const id of ['small', 'large', 'survived']) await rig.seal(id);
  await many('deleted', 120);
  await rig.seal('deleted');
  await rig.open('leased', { leaseMs: hour, retention });
  await rig.push('leased', 'a', { ttlMs: 2 * hour, requestId: 'r' });
  await rig.push('stays', 'brief', { ttlMs: hour });
  await rig.push('stays', 'a', { bytes: 'large 7' });
}

/** What readers are told. */
export async function told(rig: Rig): Promise<unknown> {
  const answers: Record<string, unknown> = {};
  for (const id of ['small', 'large', 'survived', 'deleted', 'leased', 'stays']) {
    const names = await rig.names(id).catch((error: { reason?: string }) => error.reason);
    const session = await rig.session(id).catch((error: { reason?: string }) => error.reason);
    answers[id] = [
      names,
      typeof session === 'object'
        ? [session.state, session.outcome, session.sealTime, session.expireTime]
        : session,
      await reasonOf(
        rig
          .push(id, 'new', { bytes: 'new' })
          .then(async () => rig.store.artifacts.delete(tester, target(id, 'new'))),
      ),
    ];
  }
  return answers;
}

export async function reapAll(rig: Rig): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const { artifacts, sessions, lapsed, others } = await rig.reap();
    if (artifacts + sessions + lapsed + others === 0) return;
  }
  throw new Error('the reaper does not come to an end');
}
