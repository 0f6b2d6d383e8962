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
  /** The requests to a bucket; undefined for contents on this machine. */
  readonly bucket?:
    | {
        readonly requests: Readonly<Record<string, number>>;
        readonly seconds: Readonly<Record<string, number>>;
        readonly retries: number;
        readonly failures: number;
        readonly sentBytes: number;
        readonly receivedBytes: number;
        readonly bufferedBytes: number;
        readonly waiting: number;
      }
    | undefined;
  /**
   * The time between the last state that could be restored without the volume and the newest change. Undefined if the
   * index is not shipped.
   */
  readonly shippingLagMs?: number | undefined;
  /** Counters since the index was opened. */
  readonly index?: {
    readonly transactions: number;
    readonly batches: number;
    readonly rowsWritten: number;
    readonly bytesWritten: number;
    readonly reopens: number;
    /** Undefined if the process has the index for itself. */
    readonly replica?:
      | { readonly namespaces: number; readonly takeOvers: number; readonly lapses: number }
      | undefined;
    /** Transactions that wait for their turn. */
    readonly waiting: number;
  };
}

interface Figure {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly description: string;
  /** Returns several numbers if the metric has one for each kind of request: the label `operation`. */
  readonly read: (figures: StoreFigures) => number | Readonly<Record<string, number>> | undefined;
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
    name: 'artifacta_bucket_requests_total',
    kind: 'counter',
    description: 'Requests to the bucket, retries included, by operation.',
    read: ({ bucket }) => bucket?.requests,
  },
  {
    name: 'artifacta_bucket_request_seconds_total',
    kind: 'counter',
    description: 'Seconds until the answers to these requests began, by operation.',
    read: ({ bucket }) => bucket?.seconds,
  },
  {
    name: 'artifacta_bucket_retries_total',
    kind: 'counter',
    description: 'Requests to the bucket that repeated one that had failed.',
    read: ({ bucket }) => bucket?.retries,
  },
  {
    name: 'artifacta_bucket_failures_total',
    kind: 'counter',
    description: 'Requests that the bucket refused or did not answer.',
    read: ({ bucket }) => bucket?.failures,
  },
  {
    name: 'artifacta_bucket_sent_bytes_total',
    kind: 'counter',
    description: 'Bytes sent to the bucket.',
    read: ({ bucket }) => bucket?.sentBytes,
  },
  {
    name: 'artifacta_bucket_received_bytes_total',
    kind: 'counter',
    description: 'Bytes of contents received from the bucket.',
    read: ({ bucket }) => bucket?.receivedBytes,
  },
  {
    name: 'artifacta_bucket_buffered_bytes',
    kind: 'gauge',
    description: 'Memory that uploads to the bucket have taken.',
    read: ({ bucket }) => bucket?.bufferedBytes,
  },
  {
    name: 'artifacta_bucket_waiting_uploads',
    kind: 'gauge',
    description: 'Uploads that wait for memory.',
    read: ({ bucket }) => bucket?.waiting,
  },
  {
    name: 'artifacta_shipping_lag_seconds',
    kind: 'gauge',
    description: 'Time between the last change that would outlast the loss of the volume and the newest one.',
    read: ({ shippingLagMs }) => (shippingLagMs === undefined ? undefined : shippingLagMs / 1_000),
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
  {
    name: 'artifacta_replica_namespaces',
    kind: 'gauge',
    description: 'The namespaces that this replica owns.',
    read: ({ index }) => index?.replica?.namespaces,
  },
  {
    name: 'artifacta_replica_takeovers_total',
    kind: 'counter',
    description: 'How often this replica has taken a namespace over.',
    read: ({ index }) => index?.replica?.takeOvers,
  },
  {
    name: 'artifacta_replica_lapses_total',
    kind: 'counter',
    description: 'How often the lease of this replica has ended before it was renewed.',
    read: ({ index }) => index?.replica?.lapses,
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
        if (typeof value === 'number') result.observe(instrument, value);
        else
          for (const [operation, count] of Object.entries(value))
            result.observe(instrument, count, { operation });
        missing.delete(name);
      }
    },
    [state, ...observed.map(([instrument]) => instrument)],
  );
  return missing;
}
