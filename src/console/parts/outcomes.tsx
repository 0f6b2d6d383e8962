/** The state and outcome of a session in one word. */
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { type Session, SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import { Badge } from './marks.tsx';

/** The words of outcomes, in the order in which they are offered. */
export const outcomeWords: readonly (readonly [SessionOutcome, string])[] = [
  [SessionOutcome.SUCCEEDED, 'succeeded'],
  [SessionOutcome.FAILED, 'failed'],
  [SessionOutcome.CANCELLED, 'cancelled'],
  [SessionOutcome.ABANDONED, 'abandoned'],
];

/** Returns the word: `open`, `sealing`, or the outcome. */
function wordOf({ state, outcome }: Pick<Session, 'state' | 'outcome'>): string {
  if (state === SessionState.OPEN) return 'open';
  return outcomeWords.find(([known]) => known === outcome)?.[1] ?? 'sealing';
}

/** The word in its colour. */
export function Outcome({ session }: { session: Pick<Session, 'state' | 'outcome'> }) {
  const word = wordOf(session);
  return <Badge kind={word}>{session.state === SessionState.SEALING ? `${word} …` : word}</Badge>;
}
