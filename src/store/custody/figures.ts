/** The figures that a store can give at any time, at a cost that does not grow with the store. */
import type { BlobTraffic } from '../../blobs/blob-store.ts';
import { Failure } from '../../domain/errors.ts';
import type { Index, IndexStats } from '../../index/door.ts';
import type { SpaceStatus } from '../contents/space.ts';
import type { StoreHost } from './host.ts';
import type { IndexShipping } from './shipping-options.ts';
import type { HostState } from './status.ts';

/** A figure that is not available at the moment, in recovery for example, is left out. */
export interface Figures {
  readonly state: HostState;
  /** The number of losses that no operator has accepted yet. */
  readonly losses: number;
  /** The number of reasons for which maintenance waits. */
  readonly pauses?: number;
  /** True if the wall clock is one of them. */
  readonly isClockSuspect?: boolean;
  /** Undefined where space is unknown. */
  readonly space?: SpaceStatus | undefined;
  /** The contents that are being written, and the bytes written of them so far, if these take space here. */
  readonly staged?: { readonly contents: number; readonly sizeBytes: number | undefined };
  /** Undefined where contents are on this machine. */
  readonly bucket?: BlobTraffic | undefined;
  readonly index?: IndexStats & { readonly waiting: number };
  /** Undefined if the index is not shipped. See {@link IndexShipping.lagMs}. */
  readonly shippingLagMs?: number | undefined;
}

/**
 * @param index the last index that the host has opened.
 * @param shipping undefined: the index is not shipped.
 */
export async function figuresOf(
  host: StoreHost,
  index: Index | undefined,
  shipping: IndexShipping | undefined,
): Promise<Figures> {
  const { state, damage } = host;
  const common = { state, losses: damage === undefined ? 0 : 1 };
  if (state !== 'serving' || index === undefined) return common;
  const { blobs, space, pauses } = host.store;
  try {
    const current = await pauses.current();
    return {
      ...common,
      space: await space.status(),
      staged: { contents: blobs.stagedCount, sizeBytes: blobs.stagedBytes },
      bucket: blobs.traffic,
      shippingLagMs: shipping?.lagMs,
      index: { ...index.stats, waiting: index.waiting },
      pauses: current.length,
      isClockSuspect: current.some(({ cause }) => cause === 'clockSuspect'),
    };
  } catch (error) {
    // The index is being opened again, or replaced.
    if (error instanceof Failure) return { ...common, index: { ...index.stats, waiting: index.waiting } };
    throw error;
  }
}
