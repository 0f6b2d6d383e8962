/** SealSession with a durability: the answer waits until the seal is in the place to which the index is shipped. */
import { Durability } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/names.ts';
import type { IndexShipping } from '../../store/custody/shipping-options.ts';
import type { Call } from '../handlers.ts';
import { limitedSignal } from '../timer.ts';

/** What an answer can wait for. */
export interface Shipped {
  /** The place, as the settings name it. */
  readonly place: string;
  readonly shipping: Pick<IndexShipping, 'whenShipped'>;
  /** True: a call that asks for nothing waits too. */
  readonly isDefault: boolean;
}

/** The part of the time of a call that it may wait: so the answer comes before the deadline. */
const waitedPart = 0.9;
const retryAfterMs = 1_000;

/**
 * Returns what the answer waits for; undefined if it does not wait. Must be called before the session is sealed.
 *
 * @throws Failure EXPORT_NOT_CONFIGURED if nothing is shipped.
 */
export function parseDurability(durability: Durability, shipped: Shipped | undefined): Shipped | undefined {
  switch (durability) {
    case Durability.UNSPECIFIED:
      return shipped?.isDefault ? shipped : undefined;
    case Durability.LOCAL:
      return undefined;
    case Durability.SHIPPED:
      break;
    default:
      throw invalid('durability', 'must be LOCAL or SHIPPED, or unspecified for the default of the service');
  }
  if (shipped !== undefined) return shipped;
  const description =
    'cannot be SHIPPED: this service ships its index nowhere, since its settings --blobs and --export-dir are missing';
  throw new Failure('EXPORT_NOT_CONFIGURED', `durability: ${description}`, {
    violations: [{ field: 'durability', description }],
  });
}

/**
 * Resolves when everything that is durable in the index now is in the place. Other calls do not wait.
 *
 * @throws Failure SEAL_PENDING if the time of the call ends before; STORE_UNAVAILABLE if it cannot be.
 */
export async function whenShipped(
  { place, shipping }: Shipped,
  id: SessionId,
  { signal, after, remainingMs }: Call,
): Promise<void> {
  const late = new Failure(
    'SEAL_PENDING',
    `session ${id} is sealed, but its seal is not in ${place} yet: repeat the call, which then waits again`,
    { metadata: { session: id }, retryAfterMs },
  );
  const limited = limitedSignal(signal, remainingMs() * waitedPart, after, () => late);
  try {
    await shipping.whenShipped(limited.signal);
  } catch (error) {
    if (error === late || signal.aborted || !(error instanceof Failure)) throw error;
    throw new Failure(
      error.reason,
      `session ${id} is sealed, but its seal is not in ${place}: ${error.message}`,
      {
        metadata: { session: id },
        retryAfterMs: error.retryAfterMs ?? retryAfterMs,
        cause: error,
      },
    );
  } finally {
    limited.clear();
  }
}
