import type { ReadWindow } from '../../client/artifacts/reading.ts';
import { UsageError } from '../exit.ts';
import type { GrepStyle } from '../output/grep-lines.ts';
import { parseCount } from './parse.ts';

/** The flags of `cat` that choose a part of an artifact. */
export interface WindowFlags {
  readonly lines?: string;
  readonly head?: string;
  readonly tail?: string;
  readonly grep?: string;
  readonly ignoreCase?: boolean;
  readonly after?: string;
  readonly before?: string;
  readonly context?: string;
  readonly lineNumbers?: boolean;
  readonly invert?: boolean;
  readonly pointer?: string;
  readonly csv?: string;
  readonly columns?: string;
  readonly delimiter?: string;
}

/** The flags that each choose a part; only one of them may be given. */
const choices = ['lines', 'head', 'tail', 'grep', 'pointer', 'csv'] as const;

/** The flags that refine one of those. */
const belonging = {
  grep: {
    ignoreCase: '--ignore-case',
    after: '--after',
    before: '--before',
    context: '--context',
    lineNumbers: '--line-numbers',
    invert: '--invert',
  },
  csv: { columns: '--columns', delimiter: '--delimiter' },
} as const;

/** The greatest number of lines before or after a match. */
const contextLinesMax = 20;
/** The number of matches in one request. */
const matchesMax = 1_000;

/** Returns the part that the flags choose; undefined: the whole. @throws UsageError. */
export function windowOf(flags: WindowFlags): ReadWindow | undefined {
  const chosen = choices.filter((name) => flags[name] !== undefined);
  if (chosen.length > 1)
    throw new UsageError(
      `--${chosen[0]} and --${chosen[1]} each select a part of the artifact; give only one of them`,
    );
  for (const [owner, names] of Object.entries(belonging))
    for (const [name, flag] of Object.entries(names))
      if (chosen[0] !== owner && flags[name as keyof WindowFlags] !== undefined)
        throw new UsageError(`${flag} needs --${owner}`);
  switch (chosen[0]) {
    case 'lines':
      return { lines: parseRange('--lines', flags.lines!) };
    case 'head':
      return { head: parseCount('--head', flags.head!, 1) };
    case 'tail':
      return { tail: parseCount('--tail', flags.tail!, 1) };
    case 'grep': {
      const { ignoreCase, invert } = flags;
      const context = contextOf(flags);
      return { grep: { pattern: flags.grep!, ignoreCase, invert, ...context, maxMatches: matchesMax } };
    }
    case 'pointer':
      return { json: flags.pointer! };
    case 'csv': {
      const { delimiter, columns } = flags;
      return { csv: { ...parseRange('--csv', flags.csv!), columns: columns?.split(','), delimiter } };
    }
    default:
      return undefined;
  }
}

/** Returns the form in which the matching lines are shown. */
export function grepStyleOf(flags: WindowFlags): GrepStyle {
  const { before, after } = contextOf(flags);
  return { numbers: flags.lineNumbers ?? false, before, after, separators: before + after > 0 };
}

function contextOf(flags: WindowFlags): { readonly before: number; readonly after: number } {
  const context = parseCount('--context', flags.context ?? '0', 0, contextLinesMax);
  return {
    before: flags.before === undefined ? context : parseCount('--before', flags.before, 0, contextLinesMax),
    after: flags.after === undefined ? context : parseCount('--after', flags.after, 0, contextLinesMax),
  };
}

/** Parses `10:40`, `10:`, `:40` or `10`, which is one line or row. */
function parseRange(
  flag: string,
  text: string,
): { readonly first: number; readonly count: number | undefined } {
  const found = /^([0-9]*)(:?)([0-9]*)$/.exec(text);
  const [, from = '', colon = '', to = ''] = found ?? [];
  const first = from === '' ? 1 : Number(from);
  const last = to === '' ? (colon === '' ? first : undefined) : Number(to);
  const isRange = found !== null && from + to !== '' && first >= 1 && (last === undefined || last >= first);
  if (!isRange || !Number.isSafeInteger(first) || (last !== undefined && !Number.isSafeInteger(last)))
    throw new UsageError(`${flag} takes FIRST:LAST, from 1, e.g. 10:40, 10: or :40; got "${text}"`);
  return { first, count: last === undefined ? undefined : last - first + 1 };
}
