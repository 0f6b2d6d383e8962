/** Replicas that do not answer, for the log: many calls may wait for one of them, and each asks again and again. */
import type { ConnectError } from '@connectrpc/connect';

/** After a replica was reported, it is not reported again for this time. */
const quietMs = 10_000;
/** More addresses are not kept: of those that are, the ones reported longest ago are forgotten. */
const addressesMax = 100;

interface ReplicaFailuresOptions {
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  /**
   * Called with the first failure, and with the first after ten quiet seconds; `unreported` is the number of those
   * between.
   */
  readonly report: (address: string, error: ConnectError, unreported: number) => void;
}

/** See the head of this file. */
export class ReplicaFailures {
  private readonly options: ReplicaFailuresOptions;
  /** By address; those that were reported last are last. */
  private readonly reported = new Map<string, { readonly at: number; unreported: number }>();

  constructor(options: ReplicaFailuresOptions) {
    this.options = options;
  }

  /** Notes that a call to a replica has failed, and reports it unless the replica was reported lately. */
  note(address: string, error: ConnectError): void {
    const { elapsed, report } = this.options;
    const last = this.reported.get(address);
    const at = elapsed();
    if (last !== undefined && at - last.at < quietMs) {
      last.unreported++;
      return;
    }
    this.reported.delete(address);
    this.reported.set(address, { at, unreported: 0 });
    if (this.reported.size > addressesMax) this.reported.delete(this.reported.keys().next().value!);
    report(address, error, last?.unreported ?? 0);
  }
}
