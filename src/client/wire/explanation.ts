import type { QueryExplanation } from '../../../gen/artifacta/v1/query_pb.ts';

/** How a filter was understood and what it took to answer; its texts are for people. */
export interface Explanation {
  /** With every parenthesis and every time written out. Empty: no filter. */
  readonly filter: string;
  /** The list that was walked. */
  readonly driver: string;
  /** What was tested for each entry of it. */
  readonly tests: readonly string[];
  readonly entriesRead: number;
  readonly probes: number;
  readonly recordsRead: number;
  /** How many of these three together a call may touch. */
  readonly budget: number;
}

/** The explanation that a message has. */
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
