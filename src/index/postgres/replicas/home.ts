/** The home of an index that several processes have open. It can be opened and read, and nothing else. */
import { Failure } from '../../../domain/errors.ts';
import type { IndexDamaged } from '../../damage.ts';
import type { Index } from '../../door.ts';
import type { IndexHome, Replacement, Salvage } from '../../home.ts';
import { salvageOf } from '../salvage.ts';
import { openPostgresReplica, type ReplicaOptions } from './replica.ts';

interface ReplicaHomeOptions extends Omit<ReplicaOptions, 'onDamage'> {
  /** Called before the index is opened. Its errors are thrown. Default: nothing. */
  readonly beforeOpening?: (() => Promise<void>) | undefined;
}

/** The place of the index of a replica. */
export class ReplicaHome implements IndexHome {
  private readonly options: ReplicaHomeOptions;

  constructor(options: ReplicaHomeOptions) {
    this.options = options;
  }

  async open(onDamage: (damage: IndexDamaged) => void): Promise<Index> {
    await this.options.beforeOpening?.();
    return await openPostgresReplica({ ...this.options, onDamage });
  }

  salvage(): Promise<Salvage> {
    return salvageOf(this.options);
  }

  async replace(): Promise<Replacement> {
    throw needsAll();
  }
}

/** Returns the failure of what needs the whole store for itself. */
function needsAll(): Failure {
  return new Failure(
    'NOT_IMPLEMENTED',
    'a replica cannot replace or rebuild the index, which the others have open: stop all replicas, and start one ' +
      'process without --replica-listen',
  );
}
