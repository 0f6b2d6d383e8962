/**
 * grpc.health.v1. The empty name and the names of the services stand for readiness. The name `liveness` stands for
 * whether the process answers at all, for probes that restart it.
 */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.ts';
import type { Readiness } from '../readiness.ts';

/** The name for a probe that must not fail while the service starts, drains or is in recovery. */
const livenessName = 'liveness';

/** Returns the health service. @param services the names for readiness in addition to the empty one. */
export function health(readiness: Readiness, services: readonly string[]): ServiceImpl<typeof Health> {
  const known = new Set(['', ...services]);
  const statusOf = (service: string) => {
    if (service === livenessName) return Status.SERVING;
    if (!known.has(service)) return Status.SERVICE_UNKNOWN;
    return readiness.ready ? Status.SERVING : Status.NOT_SERVING;
  };
  return {
    check: ({ service }) => {
      const status = statusOf(service);
      if (status === Status.SERVICE_UNKNOWN)
        throw new ConnectError('this service does not exist', Code.NotFound);
      return { status };
    },
    // The stream ends by itself when the service stops, so that watchers do not delay its end.
    watch: async function* ({ service }, { signal }) {
      let told: Status | undefined;
      for (;;) {
        const status = statusOf(service);
        if (status !== told) yield { status };
        told = status;
        if (readiness.phase === 'stopping' || signal.aborted) return;
        await readiness.changed(signal);
      }
    },
  };
}

export { Health };
