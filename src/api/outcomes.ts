import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import type { Outcome } from '../domain/outcome.ts';

/** The outcomes as the protocol shows them. */
export const outcomeValues: Readonly<Record<Outcome, SessionOutcome>> = {
  succeeded: SessionOutcome.SUCCEEDED,
  failed: SessionOutcome.FAILED,
  cancelled: SessionOutcome.CANCELLED,
  abandoned: SessionOutcome.ABANDONED,
};
