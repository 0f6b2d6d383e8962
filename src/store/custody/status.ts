/** How a store is, as its host tells it. */
import type { Loss } from '../../index/damage.ts';
import type { SpaceStatus } from '../contents/space.ts';
import type { Pause } from '../upkeep/pauses.ts';

/** What a host does at the moment. */
export type HostState =
  | 'serving'
  | 'recovery'
  /** The index is being exchanged. */
  | 'switching'
  /** The index could not be opened again after an exchange; only a new start can help. */
  | 'failed'
  | 'closed';

/** How a store is. */
export interface StoreStatus {
  readonly state: HostState;
  /** Empty while it cannot be read. */
  readonly storeId: string;
  readonly formatVersion: number;
  /** The last durable commit; in recovery the last that is known. */
  readonly commit: number;
  readonly pauses: readonly Pause[];
  readonly losses: readonly Loss[];
  /** Why nothing can be written at the moment; undefined if it can. */
  readonly trouble?: string | undefined;
  /** What an operator should know although nothing waits for it. */
  readonly notice?: string | undefined;
  /** Undefined in recovery, and where there is no such notion. */
  readonly space: SpaceStatus | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}
