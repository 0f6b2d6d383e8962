/** The scenario of `clients/scenario.json`, and what is wrong with the lines that a program prints. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The data that every program reads. */
export const scenarioFile = resolve(import.meta.dirname, '../../clients/scenario.json');

/** A step: its name, and the one line that a program prints for it. */
export interface ScenarioStep {
  readonly name: string;
  readonly line: string;
}

export function readSteps(): ScenarioStep[] {
  const { steps } = JSON.parse(readFileSync(scenarioFile, 'utf8')) as {
    steps: { step: string; prints: Readonly<Record<string, unknown>> }[];
  };
  return steps.map(({ step, prints }) => ({ name: step, line: sorted({ ...prints, step }) }));
}

/** JSON without spaces, the keys sorted at every depth. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}

/**
 * Returns what is wrong with the output of a program, one text for each line that is wrong, missing or too many.
 *
 * @param lacks the steps that the stack has no means for. Of them the program says so, and cannot do them all the same.
 */
export function differences(
  steps: readonly ScenarioStep[],
  output: string,
  lacks: Readonly<Record<string, string>> = {},
): string[] {
  const lines = output.split('\n');
  const faults = lines.pop() === '' ? [] : ['the last line has no end'];
  const unknown = Object.keys(lacks).filter((name) => !steps.some((step) => step.name === name));
  faults.push(...unknown.map((name) => `lacks ${name}, which is no step`));
  for (const [at, { name, line }] of steps.entries()) {
    const printed = lines[at];
    if (printed === undefined) faults.push(`${name}: no line`);
    else if (lacks[name] !== undefined) {
      if (!isLack(printed, name)) faults.push(`${name}: is said to be lacking\n  printed  ${printed}`);
    } else if (printed !== line) faults.push(`${name}:\n  printed  ${printed}\n  expected ${line}`);
  }
  faults.push(...lines.slice(steps.length).map((line) => `one line too many: ${line}`));
  return faults;
}

function isLack(line: string, name: string): boolean {
  try {
    const { step, lacks, ...more } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return step === name && typeof lacks === 'string' && Object.keys(more).length === 0;
  } catch {
    return false;
  }
}
