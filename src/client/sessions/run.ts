import { ArtifactaError } from '../errors.ts';
import type { Outcome, Session } from './session.ts';

/** A session that is run in. */
interface Runnable {
  readonly record: Session;
  seal(outcome: Outcome): Promise<Session>;
}

/**
 * Runs the work in a session, and seals the session by how the work ended: `succeeded`; `cancelled` if it was given up;
 * `failed` if it threw anything else. If the work has sealed it, it stays so.
 *
 * @throws the error of the work; if the session cannot be sealed then, the error of that is lost.
 */
export async function runIn<H extends Runnable, T>(
  session: H,
  work: (session: H) => Promise<T> | T,
  signal: AbortSignal | undefined,
): Promise<T> {
  let result: T;
  try {
    result = await work(session);
  } catch (error) {
    const outcome = signal?.aborted || isGivenUp(error) ? 'cancelled' : 'failed';
    if (session.record.state === 'open') await session.seal(outcome).catch(() => undefined);
    throw error;
  }
  if (session.record.state === 'open') await session.seal('succeeded');
  return result;
}

function isGivenUp(error: unknown): boolean {
  if (error instanceof ArtifactaError) return error.code === 'CANCELLED';
  return error instanceof Error && error.name === 'AbortError';
}
