/** Metrics of the store, at each scrape. */
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';

/** The states of a store that metrics distinguish. */
const storeStates = ['serving', 'recovery', 'switching', 'failed', 'closed'] as const;

/** The figures that a store has at once. Those that it cannot give at the moment are left out. */
export interface StoreFigures {
  readonly state: (typeof storeStates)[number];
  /** Reasons for which maintenance waits. */
  readonly pauses?: number;
  /** True if the wall clock is one of them. */
  readonly isClockSuspect?: boolean;
  /** Losses that no operator has accepted yet. */
  readonly losses: number;
  readonly space?: { readonly freeBytes: number; readonly reserveBytes: number } | undefined;
  /** The number of uploads on their way to disk, and their size so far. */
  readonly staged?: { readonly contents: number; readonly sizeBytes: number | undefined };
  /** Counters since the index was opened. */
  readonly index?: {
    readonly transactions: number;
    readonly batches: number;
    readonly rowsWritten: number;
    readonly bytesWritten: number;
    readonly reopens: number;
    /** Transactions that wait for their turn. */
    readonly waiting: number;
  };
}

interface Figure {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly description: string;
  readonly read: (figures: StoreFigures) => number | undefined;
}

const figures: readonly Figure[] = [
  {
    name: 'artifacta_store_pauses',
    kind: 'gauge',
    description: 'Reasons why maintenance is paused; "artifacta fsck" shows them and what ends the pause.',
    read: ({ pauses }) => pauses,
  },
  {
    name: 'artifacta_store_clock_suspect',
    kind: 'gauge',
    description: '1 while the wall clock is not trusted.',
    read: ({ isClockSuspect }) => (isClockSuspect === undefined ? undefined : Number(isClockSuspect)),
  },
  {
    name: 'artifacta_store_losses',
    kind: 'gauge',
    description: 'Losses that no operator has accepted yet.',
    read: ({ losses }) => losses,
  },
  {
    name: 'artifacta_store_free_bytes',
    kind: 'gauge',
    description: 'Free space where contents are kept.',
    read: ({ space }) => space?.freeBytes,
  },
  {
    name: 'artifacta_store_reserve_bytes',
    kind: 'gauge',
    description: 'Uploads are refused if less than this would stay free.',
    read: ({ space }) => space?.reserveBytes,
  },
  {
    name: 'artifacta_blobs_staged',
    kind: 'gauge',
    description: 'Contents that are being written and are not finished yet: neither committed nor discarded.',
    read: ({ staged }) => staged?.contents,
  },
  {
    name: 'artifacta_blobs_staged_bytes',
    kind: 'gauge',
    description:
      'Bytes written so far of contents that are not finished yet: neither committed nor discarded.',
    read: ({ staged }) => staged?.sizeBytes,
  },
  {
    name: 'artifacta_index_transactions_total',
    kind: 'counter',
    description: 'Transactions that have run.',
    read: ({ index }) => index?.transactions,
  },
  {
    name: 'artifacta_index_waiting_transactions',
    kind: 'gauge',
    description: 'Transactions that wait for their turn.',
    read: ({ index }) => index?.waiting,
  },
  {
    name: 'artifacta_index_batches_total',
    kind: 'counter',
    description:
      'Durable writes to disk; each has all transactions that queued up while the previous write ran.',
    read: ({ index }) => index?.batches,
  },
  {
    name: 'artifacta_index_rows_written_total',
    kind: 'counter',
    description: 'Rows set or removed.',
    read: ({ index }) => index?.rowsWritten,
  },
  {
    name: 'artifacta_index_written_bytes_total',
    kind: 'counter',
    description: 'Keys and values of the rows written.',
    read: ({ index }) => index?.bytesWritten,
  },
  {
    name: 'artifacta_index_reopens_total',
    kind: 'counter',
    description: 'How often a write failed and the index was opened again.',
    read: ({ index }) => index?.reopens,
  },
];

/**
 * Asks the store once a scrape.
 *
 * @returns the names of figures that were missing the last time: OpenTelemetry itself would repeat the previous ones.
 */
export function observeStore(
  meter: Meter,
  store: () => Promise<StoreFigures | undefined>,
): ReadonlySet<string> {
  const missing = new Set<string>();
  const stateName = 'artifacta_store_state';
  const state = meter.createObservableGauge(stateName, {
    description: '1 for the state that the store is in, 0 for the others.',
  });
  const observed = figures.map((figure) => {
    const { name, kind, description } = figure;
    const instrument =
      kind === 'gauge'
        ? meter.createObservableGauge(name, { description })
        : meter.createObservableCounter(name, { description });
    return [instrument, figure] as readonly [Observable, Figure];
  });
  meter.addBatchObservableCallback(
    async (result: BatchObservableResult) => {
      for (const name of [stateName, ...figures.map(({ name }) => name)]) missing.add(name);
      const now = await store();
      if (now === undefined) return;
      missing.delete(stateName);
      for (const name of storeStates) result.observe(state, name === now.state ? 1 : 0, { state: name });
      for (const [instrument, { name, read }] of observed) {
        const value = read(now);
        if (value === undefined) continue;
        result.observe(instrument, value);
        missing.delete(name);
      }
    },
    [state, ...observed.map(([instrument]) => instrument)],
  );
  return missing;
}
