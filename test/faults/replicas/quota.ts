/** A quota that many pushes reach at once, through all replicas: so many succeed as it allows, and no other. */
import type { Cluster } from './cluster.ts';
import type { History, KnownSession } from './history.ts';
import type { Reach } from './reach.ts';
import type { Work } from './work.ts';

const room = 4;
const pushes = 9;

/** Pushes more than the quota of the namespace `quota` has room for. */
export async function reachQuota(
  session: KnownSession,
  { cluster, reach, history, work }: { cluster: Cluster; reach: Reach; history: History; work: Work },
): Promise<void> {
  // Nobody else pushes here, and what is asked for is all that there is.
  const usage = await reach.settle('the usage', cluster.operator, ({ client }) =>
    client.access.getNamespace('quota'),
  );
  const artifacts = usage.answer.usage.artifacts + room;
  const raised = await reach.settle('a quota', cluster.operator, ({ client }) =>
    client.access.updateNamespace('quota', { quota: { artifacts } }),
  );
  const said = `the quota was raised by ${room} by ${reach.witness(raised.by)}`;
  await Promise.all(Array.from({ length: pushes }, (_, at) => work.push(session, { name: `own/${at}` })));
  const made = session.artifacts.length;
  const doubtful = [...history.pushes.values()].filter(
    (push) => push.session === session.id && push.state === 'doubtful',
  );
  if (made > room || made + doubtful.length < room)
    history.fault(`${said}, and ${made} of ${pushes} pushes succeeded, ${doubtful.length} may yet`);
}
