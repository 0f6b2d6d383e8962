/** The command line of the benchmarks. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseSize } from '../stores/cache.ts';
import { runsForVerdict, type Target } from './target.ts';

export interface Options {
  readonly task: 'measure' | 'list' | 'help';
  readonly targets: readonly Target[];
  readonly runs: number;
  readonly quick: boolean;
  /** Where data is written. */
  readonly directory: string;
  /** Where generated stores are kept. */
  readonly stores: string;
  /** How many artifacts they have, ascending. */
  readonly sizes: readonly number[];
}

/** The default of `--sizes`, and with `--quick`. */
const sizesDefault = { usual: '10k,1M', quick: '5k,20k' } as const;

export const usage = `Usage: npm run bench -- [options] [target...]

Measures the targets that are named, or all of them.

  --runs N      how often each is measured (default ${runsForVerdict}; fewer give no verdict)
  --quick       small sizes, to see that everything works
  --sizes LIST  how many artifacts there are in the stores that queries are measured on (default ${sizesDefault.usual};
                10M takes half an hour and 8 GB to build)
  --stores DIR  where these stores are kept once they are built (default: in the system's temporary directory, or
                ARTIFACTA_BENCH_STORES)
  --dir DIR     where everything else is written (default the system's temporary directory); its disk is what is measured
  --list        list the targets
`;

/** Wrong usage; its message says how. */
export class UsageError extends Error {}

/** @throws UsageError. */
export function readOptions(args: readonly string[], all: readonly Target[]): Options {
  const { values, positionals } = parsed(args);
  const { quick } = values;
  return {
    task: values.help ? 'help' : values.list ? 'list' : 'measure',
    targets: chosen(all, positionals),
    runs: runsOf(values.runs ?? String(quick ? 1 : runsForVerdict)),
    quick,
    directory: values.dir,
    stores: values.stores ?? process.env.ARTIFACTA_BENCH_STORES ?? join(tmpdir(), 'artifacta-bench-stores'),
    sizes: sizesOf(values.sizes ?? sizesDefault[quick ? 'quick' : 'usual']),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: { type: 'string' },
        quick: { type: 'boolean', default: false },
        sizes: { type: 'string' },
        stores: { type: 'string' },
        dir: { type: 'string', default: tmpdir() },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function chosen(all: readonly Target[], names: readonly string[]): readonly Target[] {
  const unknown = names.find((name) => !all.some((target) => target.name === name));
  if (unknown !== undefined) throw new UsageError(`there is no target ${unknown}`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

function runsOf(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1)
    throw new UsageError(`--runs takes a whole number from 1, not ${text}`);
  return runs;
}

function sizesOf(text: string): readonly number[] {
  const sizes = text.split(',').map((part) => {
    const size = parseSize(part.trim());
    if (size === undefined || size < sizeMin)
      throw new UsageError(`--sizes takes numbers from ${sizeMin} such as 10k or 1M, not ${part}`);
    return size;
  });
  return [...new Set(sizes)].sort((a, b) => a - b);
}

/** Smaller stores would consist of what queries are to find and nothing else. */
const sizeMin = 3_000;
