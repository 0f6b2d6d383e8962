import type { Command } from 'commander';
import type { UsagePart, UsageScope } from '../../client/admin/usage.ts';
import { UsageError } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime } from '../output/human.ts';
import { type Column, tableLines } from '../output/table.ts';

interface UsageFlags {
  readonly namespace?: string;
  readonly session?: string;
  readonly by?: string;
}

/** `artifacta usage`: what a namespace contains. */
export function addUsage(program: Command, invocation: Invocation): Command {
  return program
    .command('usage')
    .summary(
      'show how much a namespace stores, by session or by metadata, and when the stored artifacts expire',
    )
    .description(
      'Shows what a namespace stores: the number of artifacts, their bytes, the bytes of distinct ' +
        'contents, and how much of it expires at which time. The totals of a namespace or a session count all versions. ' +
        'The totals by metadata (--by) count only the latest versions. Only operators may use this ' +
        'command. "artifacta namespace show" shows only the totals, and is faster, since it does not read every ' +
        'record.',
    )
    .option('--in <namespace>', 'the namespace to report on; --namespace does not change it', 'default')
    .option('--session <id>', 'only this session')
    .option('--by <key>', 'show the totals for each value of this metadata key, largest first')
    .action(async (flags: UsageFlags & { readonly in: string }, command: Command) => {
      if (flags.session !== undefined && flags.by !== undefined)
        throw new UsageError('give --session or --by, not both');
      await invocation.withClient(command, async (client) => {
        const settings = { signal: invocation.io.signal };
        const parts = await client.access.readUsage(flags.in, scopeOf(flags), settings);
        await print(
          parts.sort((a, b) => b.sizeBytes - a.sizeBytes),
          flags,
          invocation,
        );
      });
    });
}

function scopeOf({ session, by }: UsageFlags): UsageScope {
  if (session !== undefined) return { of: 'session', session };
  return by === undefined ? { of: 'namespace' } : { of: 'metadata', key: by };
}

async function print(parts: readonly UsagePart[], flags: UsageFlags, { output }: Invocation): Promise<void> {
  if (output.style.json) {
    for (const part of parts) await output.json(usageJson(part));
    return;
  }
  const columns: Column[] = [
    { title: flags.by?.toUpperCase() ?? (flags.session === undefined ? 'NAMESPACE' : 'SESSION') },
    { title: 'EXPIRES BY' },
    { title: 'ARTIFACTS', right: true },
    { title: 'SIZE', right: true },
    { title: 'STORED', right: true },
  ];
  async function* rows() {
    for (const part of parts) {
      const named = flags.by === undefined && flags.session === undefined ? 'all' : part.value;
      yield [named, '', String(part.artifacts), humanSize(part.sizeBytes), humanSize(part.storedBytes)];
      for (const { before, artifacts, sizeBytes } of part.byExpiry)
        yield ['', expiresBy(before), String(artifacts), humanSize(sizeBytes), ''];
    }
  }
  for await (const line of tableLines(columns, rows())) await output.line(line.trimEnd());
  if (parts.length === 0) output.remark('nothing is stored');
}

function expiresBy(before: Date | undefined): string {
  if (before === undefined) return 'never';
  return before.getUTCFullYear() === 9999 ? 'later' : humanTime(before);
}

function usageJson(part: UsagePart) {
  return {
    value: part.value,
    artifact_count: part.artifacts,
    size_bytes: part.sizeBytes,
    stored_bytes: part.storedBytes,
    by_expiry: part.byExpiry.map(({ before, artifacts, sizeBytes }) => ({
      expire_before: before?.toISOString() ?? null,
      artifact_count: artifacts,
      size_bytes: sizeBytes,
    })),
  };
}
