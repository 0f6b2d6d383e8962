/** The way from a run that failed to the last one that did not. */
import { useState } from 'preact/hooks';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { millis } from '../base/format.ts';
import { go, hrefOf } from '../base/place.ts';
import { sessions } from '../calls/clients.ts';
import { FailureBox } from '../parts/marks.tsx';
import { useAction } from '../parts/use-call.ts';
import { quoted } from '../sessions/completion.ts';

/** Keys of metadata that runs of the same kind share, the most telling first. */
const kinds = ['pipeline', 'workflow', 'job', 'task', 'agent'];

/** A button for sessions that did not succeed. */
export function LastGood({ session }: { session: Session }) {
  const { isActing, failure, act } = useAction();
  const [found, setFound] = useState<'none'>();
  const key = kinds.find((kind) => session.metadata[kind] !== undefined);
  if (session.outcome === SessionOutcome.SUCCEEDED) return null;
  const compare = () =>
    act(async () => {
      const base = await lastGood(session, key);
      if (base === undefined) setFound('none');
      else go(hrefOf('/compare', { base, session: session.id }));
    });
  return (
    <>
      <button type="button" disabled={isActing} onClick={() => void compare()}>
        Compare with the last good run
      </button>
      {found === undefined ? null : (
        <span class="quiet" role="status">
          No earlier session {key === undefined ? '' : `with ${key} = ${session.metadata[key]} `}succeeded.{' '}
          <a href={hrefOf('/compare', { session: session.id })}>Choose another</a>
        </span>
      )}
      <FailureBox failure={failure} />
    </>
  );
}

async function lastGood(
  { id, metadata, createTime }: Session,
  key: string | undefined,
): Promise<string | undefined> {
  const before = millis(createTime);
  const filter = [
    'session.outcome = "SUCCEEDED"',
    ...(before === undefined ? [] : [`create_time < "${new Date(before).toISOString()}"`]),
    ...(key === undefined ? [] : [`metadata.${key} = ${quoted(metadata[key]!)}`]),
  ].join(' AND ');
  const { sessions: found } = await sessions.listSessions({ filter, pageSize: 2 });
  return found.find((other) => other.id !== id)?.id;
}
