/** A call as telemetry sees it: what `src/api/guard.ts` reports has this shape. */
import type { Reason } from '../domain/errors.ts';

/** `OK` or the reason of the failure: a closed set. */
export type Outcome = 'OK' | Reason;

/** A call that begins. */
export interface StartedCall {
  /** `artifacta.v1.ArtifactService/GetArtifact` */
  readonly method: string;
  readonly door: string;
  /** `grpc`, `grpc-web` or `connect`. */
  readonly protocol: string;
  /** Of the request. Nothing but the two headers of W3C trace context is ever looked at. */
  readonly headers: Headers;
}

/** A call that has ended. */
export interface EndedCall {
  readonly method: string;
  readonly door: string;
  /** Empty if the call was refused before it was known. So is the subject. */
  readonly namespace: string;
  readonly subject: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly traceId?: string;
  /** What the caller was not told. */
  readonly error?: unknown;
}

/** Ours to look into; the rest are answers to what callers asked for. */
export const alarming: ReadonlySet<Outcome> = new Set<Outcome>([
  'INTERNAL',
  'DATA_LOSS',
  'STORE_UNAVAILABLE',
]);
