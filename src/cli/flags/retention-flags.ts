/** Retention on the command line: its flags and its texts. */
import { type Command, Option } from 'commander';
import { type Outcome, outcomeNames, type Retention } from '../../client/sessions/session.ts';
import { UsageError } from '../exit.ts';
import { parseCount, parsePairs, parseTime } from './parse.ts';
import { repeated } from './repeated.ts';

/** The greatest number of sessions of one kind that the service keeps. */
const keepLastMax = 100;

/** The flags of {@link addRetentionFlags}, as they were given. */
export interface RetentionFlags {
  readonly retain?: string[];
  readonly keepLast?: string;
  readonly by?: string;
  readonly keepOutcome?: Outcome[];
}

/** Adds the flags for retention to a command. */
export function addRetentionFlags(command: Command): Command {
  return command
    .addOption(
      repeated(
        '--retain <outcome=time...>',
        'how long artifacts are kept after their session is sealed, for each outcome, e.g. succeeded=30d ' +
          'failed=14d, or all=7d; sessions with an outcome that is not listed have no limit',
      ),
    )
    .option(
      '--keep-last <n>',
      'keep the last n sessions of each kind, from 1 to 100, whatever --retain says; needs --by',
    )
    .option(
      '--by <key>',
      'for --keep-last: sessions with the same value of this metadata key are of one kind',
    )
    .addOption(
      new Option(
        '--keep-outcome <outcome...>',
        'the outcomes that --keep-last counts (default: succeeded)',
      ).choices(outcomeNames),
    );
}

/** Returns the retention. Undefined if none of the flags is given. @throws UsageError */
export function retentionOf(flags: RetentionFlags): Retention | undefined {
  const { retain, keepLast, by, keepOutcome } = flags;
  if (keepLast === undefined && (by !== undefined || keepOutcome !== undefined))
    throw new UsageError('--by and --keep-outcome need --keep-last');
  if (keepLast !== undefined && by === undefined)
    throw new UsageError(
      '--keep-last needs --by KEY: sessions with the same value of this metadata key count as one kind',
    );
  if (retain === undefined && keepLast === undefined) return undefined;
  return {
    ...timesOf(retain ?? []),
    ...(keepLast === undefined
      ? {}
      : {
          keepLast: {
            count: parseCount('--keep-last', keepLast, 1, keepLastMax),
            metadataKey: by!,
            ...(keepOutcome === undefined ? {} : { outcomes: keepOutcome }),
          },
        }),
  };
}

/** Checks that `--forever` stands alone. @throws UsageError */
export function requireAlone(forever: boolean | undefined, retention: Retention | undefined): void {
  if (forever && retention !== undefined)
    throw new UsageError('--forever cannot be given with --retain or --keep-last');
}

const fields = {
  succeeded: 'succeededTtlMs',
  failed: 'failedTtlMs',
  cancelled: 'cancelledTtlMs',
  abandoned: 'abandonedTtlMs',
} as const satisfies Record<Outcome, keyof Retention>;

function timesOf(texts: readonly string[]): Retention {
  const times: { -readonly [K in (typeof fields)[Outcome]]?: number } = {};
  const pairs = parsePairs('--retain', texts);
  const { all, ...single } = pairs;
  if (all !== undefined) for (const field of Object.values(fields)) times[field] = parseTime('--retain', all);
  for (const [outcome, text] of Object.entries(single)) {
    if (!Object.hasOwn(fields, outcome))
      throw new UsageError(`--retain takes ${[...outcomeNames, 'all'].join(', ')}; got "${outcome}"`);
    times[fields[outcome as Outcome]] = parseTime('--retain', text);
  }
  return times;
}

/**
 * Returns retention in words, e.g. `succeeded 30d, failed 14d; the last 3 sessions with the outcome succeeded, for each
 * value of pipeline`.
 */
export function retentionText(retention: Retention | undefined): string {
  const times = outcomeNames.flatMap((outcome) => {
    const ms = retention?.[fields[outcome]];
    return ms === undefined ? [] : [`${outcome} ${durationText(ms)}`];
  });
  const { keepLast } = retention ?? {};
  const kept =
    keepLast === undefined
      ? []
      : [
          `the last ${keepLast.count} sessions with the outcome ${(keepLast.outcomes ?? ['succeeded']).join(' or ')}, ` +
            `for each value of ${keepLast.metadataKey}`,
        ];
  const said = [...(times.length === 0 ? [] : [times.join(', ')]), ...kept];
  return said.length === 0 ? 'forever' : said.join('; ');
}

/** Returns `30d`, `12h`, `90s`: a duration in the largest unit that fits without a rest. */
function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const;
  for (const [unit, size] of units) if (ms % size === 0) return `${ms / size}${unit}`;
  return `${ms / 1_000}s`;
}
