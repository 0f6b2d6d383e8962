/** The status of a store, as its host reports it. */
import type { Loss } from '../../index/damage.ts';
import type { SpaceStatus } from '../contents/space.ts';
import type { Pause } from '../upkeep/pauses.ts';

/** The state of a host at the moment. */
export type HostState =
  | 'serving'
  | 'recovery'
  /** The index is being exchanged. */
  | 'switching'
  /** The index could not be opened again after an exchange; only a new start can help. */
  | 'failed'
  | 'closed';

/** The status of a store. */
export interface StoreStatus {
  readonly state: HostState;
  /** Empty while the id cannot be read. */
  readonly storeId: string;
  readonly formatVersion: number;
  /** The last durable commit; in recovery, the last known commit. */
  readonly commit: number;
  readonly pauses: readonly Pause[];
  readonly losses: readonly Loss[];
  /** The reason for which nothing can be written at the moment. Undefined if the store can write. */
  readonly trouble?: string | undefined;
  /** A message that an operator should know, although nothing waits for it. */
  readonly notice?: string | undefined;
  /** Undefined in recovery, and where space is unknown. */
  readonly space: SpaceStatus | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}
