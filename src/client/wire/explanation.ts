import type { QueryExplanation } from '../../../gen/artifacta/v1/query_pb.ts';

/** How a filter was understood and what the answer cost. Its texts are for people. */
export interface Explanation {
  /** The filter with every parenthesis and every time written out. Empty: no filter. */
  readonly filter: string;
  /** The list that was walked. */
  readonly driver: string;
  /** The tests of each entry of it. */
  readonly tests: readonly string[];
  readonly entriesRead: number;
  readonly probes: number;
  readonly recordsRead: number;
  /** The number of these three together that a call may touch. */
  readonly budget: number;
}

/** Returns the explanation of a message. */
export function explanationFrom(explanation: QueryExplanation): Explanation {
  return {
    filter: explanation.filter,
    driver: explanation.driver,
    tests: explanation.tests,
    entriesRead: Number(explanation.entriesRead),
    probes: Number(explanation.probes),
    recordsRead: Number(explanation.recordsRead),
    budget: Number(explanation.budget),
  };
}
