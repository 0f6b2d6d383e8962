import { later } from '../wire/timer.ts';
import type { Sessions } from './sessions.ts';

/**
 * Renews a lease, as often as needed, until the returned function is called. A renewal that fails is made again.
 *
 * @internal
 */
export function keepLease(sessions: Pick<Sessions, 'update'>, id: string, leaseMs: number): () => void {
  let cancel = () => {};
  let isOver = false;
  const wait = () => {
    cancel = later(leaseMs / 4, () => {
      sessions
        .update(id, { touch: true })
        .catch(() => undefined)
        .finally(() => {
          if (!isOver) wait();
        });
    });
  };
  wait();
  return () => {
    isOver = true;
    cancel();
  };
}
