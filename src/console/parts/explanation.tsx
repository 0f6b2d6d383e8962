/** How a filter was understood, and what the call read to answer it. */
import type { QueryExplanation } from '../../../gen/artifacta/v1/query_pb.ts';
import { count } from '../base/format.ts';

/** The explanation of a list. */
export function Explanation({ of }: { of: QueryExplanation | undefined }) {
  if (of === undefined) return null;
  const { filter, driver, tests, entriesRead, probes, recordsRead, budget } = of;
  const read = entriesRead + probes + recordsRead;
  return (
    <dl class="explanation">
      <div>
        <dt>understood as</dt>
        <dd>
          <code>{filter === '' ? 'no filter' : filter}</code>
        </dd>
      </div>
      <div>
        <dt>read through</dt>
        <dd>
          <code>{driver}</code>
        </dd>
      </div>
      {tests.length === 0 ? null : (
        <div>
          <dt>then tested</dt>
          <dd>
            {tests.map((test) => (
              <code key={test}>{test}</code>
            ))}
          </dd>
        </div>
      )}
      <div>
        <dt>read</dt>
        <dd>
          {count(entriesRead)} entries, {count(probes)} look-ups, {count(recordsRead)} records: {count(read)}{' '}
          of {count(budget)}
        </dd>
      </div>
    </dl>
  );
}
