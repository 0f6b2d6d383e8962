/** One pass of maintenance: all work that is due, in bounded calls. */

import type { Collected, Exported, Maintenance, Reaped, Scrubbed } from '../client/admin/maintenance.ts';
import type { Pause } from '../client/admin/pause.ts';
import { ArtifactaError } from '../client/errors.ts';

/** The result of one pass. Work that failed is left out, and is among the failures. */
export interface PassReport {
  readonly reaped: Totals<'artifacts' | 'bytes' | 'sessions' | 'lapsed' | 'others'>;
  readonly collected: Totals<'condemned' | 'removed' | 'removedBytes' | 'orphans'>;
  readonly scrubbed: Pick<Scrubbed, 'contents' | 'sizeBytes' | 'damaged' | 'damagedCount'>;
  /** Undefined: no export was asked for, or none is configured. */
  readonly exported: Exported | undefined;
  /** The time when the next work is due. Undefined: none is. */
  readonly nextTime: Date | undefined;
  /** True: the time was too short for all work. */
  readonly more: boolean;
  readonly pauses: readonly Pause[];
  readonly failures: readonly { readonly what: Work; readonly error: unknown }[];
}

type Totals<K extends string> = Record<K, number>;

type Work = 'reap' | 'collect' | 'scrub' | 'export';

interface PassOptions {
  /** The number of bytes up to which contents are checked; 0: none. */
  readonly scrubBytes: number;
  /** The number of items that one call asks for. Default 1,000. */
  readonly itemsMax?: number;
  /** No call begins after this. Default: never. */
  readonly isOver?: () => boolean;
  /** True: asks for an export. Default true. */
  readonly exports?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Does all work once. Never rejects, except for an aborted signal. */
export async function pass(service: Maintenance, options: PassOptions): Promise<PassReport> {
  const made = new Pass(service, options);
  await made.run('reap', () => made.reap());
  await made.run('collect', () => made.collect());
  if (options.scrubBytes > 0) await made.run('scrub', () => made.scrub());
  if (options.exports !== false) await made.run('export', () => made.export());
  return made.report;
}

class Pass {
  private readonly service: Maintenance;
  private readonly options: PassOptions;
  private readonly isOver: () => boolean;
  private readonly pauses = new Map<string, Pause>();
  readonly report: { -readonly [K in keyof PassReport]: PassReport[K] } & {
    failures: { what: Work; error: unknown }[];
  } = {
    reaped: { artifacts: 0, bytes: 0, sessions: 0, lapsed: 0, others: 0 },
    collected: { condemned: 0, removed: 0, removedBytes: 0, orphans: 0 },
    scrubbed: { contents: 0, sizeBytes: 0, damaged: [], damagedCount: 0 },
    exported: undefined,
    nextTime: undefined,
    more: false,
    pauses: [],
    failures: [],
  };

  constructor(service: Maintenance, options: PassOptions) {
    this.service = service;
    this.options = options;
    this.isOver = options.isOver ?? (() => false);
  }

  /** Does one kind of work; if it fails, the others go on. */
  async run(what: Work, work: () => Promise<void>): Promise<void> {
    // The service is away; the next pass is soon enough.
    if (
      this.report.failures.some(
        ({ error }) => error instanceof ArtifactaError && error.code === 'UNAVAILABLE',
      )
    )
      return;
    if (this.isOver()) {
      this.report.more = true;
      return;
    }
    try {
      await work();
    } catch (error) {
      this.options.signal?.throwIfAborted();
      // An older service does not know all work, and not every service has exports.
      const isAbsent =
        error instanceof ArtifactaError &&
        (error.reason === 'NOT_IMPLEMENTED' || error.reason === 'EXPORT_NOT_CONFIGURED');
      if (!isAbsent) this.report.failures.push({ what, error });
    }
  }

  async reap(): Promise<void> {
    await this.repeat(async () => {
      const { signal, itemsMax } = this.options;
      const one = await this.service.reapExpired({
        signal,
        ...(itemsMax === undefined ? {} : { maxItems: itemsMax }),
      });
      add(this.report.reaped, one);
      return one;
    });
  }

  async collect(): Promise<void> {
    await this.repeat(async () => {
      const { signal, itemsMax } = this.options;
      const one = await this.service.collectGarbage({
        signal,
        ...(itemsMax === undefined ? {} : { maxItems: itemsMax }),
      });
      add(this.report.collected, one);
      return one;
    });
  }

  async scrub(): Promise<void> {
    const { signal, scrubBytes: maxBytes } = this.options;
    this.report.scrubbed = await this.service.scrub({ signal, maxBytes });
  }

  async export(): Promise<void> {
    const { signal } = this.options;
    this.report.exported = await this.service.export({ signal });
  }

  private async repeat(call: () => Promise<Reaped | Collected>): Promise<void> {
    for (;;) {
      const { more, nextTime, pauses } = await call();
      for (const pause of pauses) this.pauses.set(pause.id, pause);
      this.report.pauses = [...this.pauses.values()];
      this.note(nextTime);
      if (!more) return;
      if (!this.isOver()) continue;
      this.report.more = true;
      return;
    }
  }

  private note(time: Date | undefined): void {
    const { nextTime } = this.report;
    if (time !== undefined && (nextTime === undefined || time < nextTime)) this.report.nextTime = time;
  }
}

function add<K extends string>(totals: Totals<K>, one: Readonly<Record<K, number>>): void {
  for (const name of Object.keys(totals) as K[]) totals[name] += one[name];
}
