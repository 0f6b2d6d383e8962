/** What other readers see of the screens for operators. */
import type { Failure } from '../calls/failure.ts';
import { FailureBox, Line } from '../parts/marks.tsx';

interface RefusedProps {
  readonly failure: Failure | undefined;
  readonly again: () => void;
  /** The same by the command line. */
  readonly command: string;
}

/** Why nothing is shown, and how to see it. */
export function Refused({ failure, again, command }: RefusedProps) {
  if (failure?.reason !== 'PERMISSION_DENIED') return <FailureBox failure={failure} again={again} />;
  return (
    <div class="empty">
      <h2>For operators</h2>
      <p>
        This screen shows what only operators may see. Over the network an operator is who has an operator’s
        key: give it under “access”. On the machine of the service the command line needs none:
      </p>
      <Line text={command} />
    </div>
  );
}
