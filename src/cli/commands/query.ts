import { type Command, Option } from 'commander';
import type { ArtifactaClient } from '../../client/client.ts';
import { outcomeNames } from '../../client/sessions/session.ts';
import type { Explanation } from '../../client/wire/explanation.ts';
import { UsageError } from '../exit.ts';
import { type FilterFlags, filterText } from '../flags/filter-text.ts';
import { parseCount } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime, plain } from '../output/human.ts';
import { artifactJson } from '../output/json.ts';
import { keyValueLines } from '../output/table.ts';
import { artifactShape, sessionShape, show } from './list.ts';

interface QueryFlags extends FilterFlags {
  readonly sessions?: boolean;
  readonly oldestFirst?: boolean;
  readonly limit?: string;
  readonly preview?: boolean;
  readonly count?: boolean;
  readonly explain?: boolean;
}

/** The number of items in a list by default. */
const limitDefault = 100;

/** `artifacta query`: finds artifacts or sessions by a filter. */
export function addQuery(program: Command, invocation: Invocation): Command {
  return program
    .command('query')
    .summary('find artifacts in all sessions, or find sessions')
    .description(
      'Finds artifacts in all sessions, newest first. Only the latest version of each is considered. A result ' +
        'matches all flags and the filter. With --json each result is one JSON document on one line.\n\n' +
        'A filter compares fields, e.g.\n' +
        '  artifacta query \'metadata.agent = "billing" AND content_type = "application/json" AND create_time > now-7d\'\n' +
        'Fields: session, name, content_type, sha256, size_bytes, create_time, expire_time, metadata.KEY, labels.KEY, ' +
        'session.state, session.outcome.\n' +
        'Fields with --sessions: session, session.state, session.outcome, create_time, seal_time, expire_time, ' +
        'metadata.KEY, labels.KEY.\n' +
        'Operators: = != < <= > >= and :* for "is set", e.g. labels.team:*; AND, OR (binds tighter than AND), NOT, ' +
        'parentheses. A * at the end of a value in quotes matches any ending.',
    )
    .argument('[filter]', 'an expression in the filter language')
    .addOption(repeated('--where <key=value...>', 'with this metadata; a * at the end matches any ending'))
    .addOption(repeated('--label <key=value...>', 'with this label; a * at the end matches any ending'))
    .option('--type <type>', 'of this type: json, csv, md, text, image… or a media type')
    .option('--name <name>', 'with this name; a * at the end matches any ending')
    .option('--session <id>', 'in this session; a * at the end matches any ending')
    .addOption(
      new Option('--outcome <outcome>', 'from sessions that ended with this outcome').choices(outcomeNames),
    )
    .addOption(
      new Option('--state <state>', 'from sessions in this state').choices(['open', 'sealing', 'sealed']),
    )
    .option('--since <age|time>', 'created at this time or later, or at most this long ago, e.g. 7d')
    .option('--until <age|time>', 'created before this time, or longer ago than this')
    .option('--sessions', 'find sessions instead of artifacts')
    .option('--oldest-first', 'oldest first, instead of newest first')
    .option('--limit <n>', `at most this many results; 0 for all (default: ${limitDefault})`)
    .option('--preview', 'show the beginning of each result that is text')
    .option('--count', 'print only the approximate number of results')
    .option(
      '--explain',
      'print only how the service finds the results, and how much work its first batch of results takes',
    )
    .action(async (filter: string | undefined, flags: QueryFlags, command: Command) => {
      const text = filterText(flags, filter);
      check(flags);
      await invocation.withClient(command, (client) => answer(client, text, flags, invocation));
    });
}

function check(flags: QueryFlags): void {
  if (flags.sessions && (flags.type !== undefined || flags.name !== undefined))
    throw new UsageError('--type and --name are for artifacts, and cannot be given with --sessions');
  if (flags.sessions && (flags.preview || flags.count))
    throw new UsageError('--preview and --count cannot be given with --sessions');
  if ([flags.preview, flags.count, flags.explain].filter((one) => one).length > 1)
    throw new UsageError('give only one of --preview, --count and --explain');
}

async function answer(
  client: ArtifactaClient,
  filter: string,
  flags: QueryFlags,
  invocation: Invocation,
): Promise<void> {
  const { signal } = invocation.io;
  const limit = flags.limit === undefined ? limitDefault : parseCount('--limit', flags.limit, 0);
  const order = flags.oldestFirst ? ('oldest' as const) : ('newest' as const);
  // One more item shows whether more exist.
  const query = { filter, order, signal, limit: limit === 0 ? undefined : limit + 1 };
  if (flags.explain) {
    const explanation = flags.sessions
      ? await client.sessions.explain(query)
      : (await client.queryPage({ filter, order, signal, explain: true })).explanation!;
    return explain(explanation, invocation);
  }
  if (flags.count) return count(client, filter, invocation);
  if (flags.preview) return preview(client, query, limit, invocation);
  const nothing = 'nothing matches';
  const max = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  const cut = <T>(items: AsyncIterable<T>) => upTo(items, max, invocation);
  if (flags.sessions) await show(cut(client.sessions.list(query)), sessionShape, nothing, invocation);
  else await show(cut(client.query(query)), artifactShape(true), nothing, invocation);
}

/** Yields the first `max`, with a remark if more exist. */
async function* upTo<T>(items: AsyncIterable<T>, max: number, { output }: Invocation): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    if (++count > max) {
      output.remark(`more than ${max} exist; --limit 0 shows all`);
      return;
    }
    yield item;
  }
}

async function explain(explanation: Explanation, { output }: Invocation): Promise<void> {
  const { filter, driver, tests, entriesRead, probes, recordsRead, budget } = explanation;
  if (output.style.json)
    return output.json({
      filter,
      driver,
      tests,
      entries_read: entriesRead,
      probes,
      records_read: recordsRead,
      budget,
    });
  const lines = keyValueLines([
    ['filter', filter],
    ['index used', driver],
    ...((tests.length === 0
      ? [['also checks', 'nothing']]
      : tests.map((test, at) => [at === 0 ? 'also checks' : '', test])) as [string, string][]),
    ['entries read', String(entriesRead)],
    ['lookups', String(probes)],
    ['records read', String(recordsRead)],
    ['work limit', `${budget} entries, lookups and records in one call`],
  ]);
  for (const line of lines) await output.line(line);
}

async function count(client: ArtifactaClient, filter: string, { output, io }: Invocation): Promise<void> {
  const page = await client.queryPage({ filter, estimateTotal: true, pageSize: 1_000, signal: io.signal });
  const isExact = page.nextPageToken === '';
  const total = isExact ? page.artifacts.length : page.approximateTotal;
  if (output.style.json) return output.json({ count: total ?? null, exact: isExact });
  if (total === undefined)
    return output.line(`more than ${page.artifacts.length}; one call cannot count all of them`);
  await output.line(isExact || output.style.quiet ? String(total) : `about ${total}`);
}

async function preview(
  client: ArtifactaClient,
  query: {
    readonly filter: string;
    readonly order: 'newest' | 'oldest';
    readonly signal: AbortSignal | undefined;
  },
  limit: number,
  { output }: Invocation,
): Promise<void> {
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  let pageToken = '';
  do {
    const page = await client.queryPage({
      ...query,
      pageSize: Math.min(left, 200),
      pageToken,
      previewBytes: 1_024,
    });
    for (const artifact of page.artifacts) {
      const text = page.previews[artifact.id];
      if (output.style.json) await output.json({ ...artifactJson(artifact), preview: text ?? null });
      else {
        const { session, name, contentType, sizeBytes, createTime } = artifact;
        const facts = `${contentType}, ${humanSize(sizeBytes)}, ${humanTime(createTime)}`;
        await output.line(plain(`${session}/${name} (${facts})`));
        for (const line of firstLines(text)) await output.line(`    ${plain(line)}`);
      }
      if (output.closed) return;
    }
    left -= page.artifacts.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && left > 0);
}

const previewLines = 5;
const previewCharacters = 200;

function firstLines(text = ''): string[] {
  return text
    .split('\n')
    .slice(0, previewLines)
    .map((line) =>
      (line.length > previewCharacters ? `${line.slice(0, previewCharacters)}…` : line).trimEnd(),
    )
    .filter((line) => line !== '');
}
