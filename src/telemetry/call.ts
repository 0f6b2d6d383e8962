/** A call as telemetry sees it, in the shape of the reports of `src/api/guard.ts`. */
import type { Reason } from '../domain/errors.ts';

/** `OK` or the reason of the failure: a closed set. */
export type Outcome = 'OK' | Reason;

/** A call that begins. */
export interface StartedCall {
  /** `artifacta.v1.ArtifactService/GetArtifact` */
  readonly method: string;
  readonly transport: string;
  /** `grpc`, `grpc-web` or `connect`. */
  readonly protocol: string;
  /** The headers of the request. Only the two headers of W3C trace context are read. */
  readonly headers: Headers;
}

/** A call that has ended. */
export interface EndedCall {
  readonly method: string;
  readonly transport: string;
  /** Empty if the call was refused before it was known. So is the subject. */
  readonly namespace: string;
  readonly subject: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly traceId?: string;
  /** The error that the caller did not get. */
  readonly error?: unknown;
  /** True: the caller was sent to the place of the content. */
  readonly redirected?: true;
}

/** Outcomes that are faults of the service; the others are answers to requests. */
export const alarming: ReadonlySet<Outcome> = new Set<Outcome>([
  'INTERNAL',
  'DATA_LOSS',
  'STORE_UNAVAILABLE',
]);
