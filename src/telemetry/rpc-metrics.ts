/** Metrics of calls. Labels are bounded: no label has a value that a caller chose. */
import type { Counter, Histogram, Meter, UpDownCounter } from '@opentelemetry/api';
import type { EndedCall, StartedCall } from './call.ts';

/** Buckets from a read of memory to the upload of a large artifact, in seconds. */
const durationBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

/** Counts calls by method, transport and outcome, and how long they took. */
export class RpcMetrics {
  private readonly methods: ReadonlySet<string>;
  private readonly durations: Histogram;
  private readonly calls: Counter;
  private readonly inFlight: UpDownCounter;
  private readonly redirects: Counter;

  constructor(meter: Meter, methods: readonly string[]) {
    this.methods = new Set(methods);
    this.durations = meter.createHistogram('artifacta_rpc_duration_seconds', {
      description: 'How long calls took, from their headers to the end of their answer.',
      advice: { explicitBucketBoundaries: durationBoundaries },
    });
    this.calls = meter.createCounter('artifacta_rpc_calls_total', { description: 'Calls that have ended.' });
    this.inFlight = meter.createUpDownCounter('artifacta_rpc_in_flight', {
      description: 'Calls that have begun and not ended.',
    });
    this.redirects = meter.createCounter('artifacta_redirects_total', {
      description: 'Downloads whose client was sent to the bucket.',
    });
  }

  started({ method, transport }: Pick<StartedCall, 'method' | 'transport'>): void {
    this.inFlight.add(1, { method: this.known(method), transport });
  }

  ended(call: Pick<EndedCall, 'method' | 'transport' | 'outcome' | 'durationMs' | 'redirected'>): void {
    const { transport, outcome, durationMs } = call;
    const method = this.known(call.method);
    this.inFlight.add(-1, { method, transport });
    this.calls.add(1, { method, outcome, transport });
    this.durations.record(durationMs / 1_000, { method, outcome, transport });
    if (call.redirected) this.redirects.add(1, { method, transport });
  }

  private known(method: string): string {
    return this.methods.has(method) ? method : 'other';
  }
}
