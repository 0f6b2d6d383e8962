import type { Command } from 'commander';
import { UsageError } from '../exit.ts';
import { parseCount, parsePairs, parseRef, parseTime } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import type { Invocation } from '../invocation.ts';
import { printArtifact } from './show.ts';

interface UpdateFlags {
  readonly version?: string;
  readonly label?: string[];
  readonly labels: boolean;
  readonly ttl?: string;
  readonly hold?: boolean;
  readonly etag?: string;
}

/** `artifacta update`: changes the labels, the expiry or the hold of an artifact. */
export function addUpdate(program: Command, invocation: Invocation): Command {
  return program
    .command('update')
    .summary('change the labels or the expiry of an artifact; hold or release it')
    .description(
      'Changes the labels, the expiry or the hold of an artifact. An artifact on hold does not expire, ' +
        'and neither the artifact nor its session can be deleted, until the artifact is released.',
    )
    .argument('<ref>', 'art_… or SESSION/NAME')
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .addOption(repeated('--label <key=value...>', 'replace all labels'))
    .option('--no-labels', 'remove all labels')
    .option(
      '--ttl <time>',
      'time from now until the artifact expires, e.g. 7d; "never": the artifact expires only with its session',
    )
    .option('--hold', 'put the artifact on hold')
    .option('--no-hold', 'release the artifact from its hold')
    .option('--etag <etag>', 'only if the artifact still has this etag ("show --json" prints the etag)')
    .action(async (text: string, flags: UpdateFlags, command: Command) => {
      const version = flags.version === undefined ? undefined : parseCount('--version', flags.version, 1);
      const changes = changesOf(flags);
      if (Object.keys(changes).length === 0)
        throw new UsageError('say what to change: --label, --no-labels, --ttl, --hold or --no-hold');
      const condition = flags.etag === undefined ? {} : { etag: flags.etag };
      const ref = parseRef(text, version);
      await invocation.withClient(command, async (client) => {
        const { signal } = invocation.io;
        await printArtifact(await client.update(ref, { ...changes, ...condition, signal }), invocation);
      });
    });
}

function changesOf({ label, labels, ttl, hold }: UpdateFlags) {
  if (!labels && label !== undefined) throw new UsageError('--no-labels cannot be given with --label');
  return {
    ...(label === undefined ? {} : { labels: parsePairs('--label', label) }),
    ...(labels ? {} : { labels: {} }),
    ...(ttl === undefined ? {} : { expiry: ttl === 'never' ? null : { ttlMs: parseTime('--ttl', ttl) } }),
    ...(hold === undefined ? {} : { hold }),
  };
}
