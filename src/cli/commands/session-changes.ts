/** Commands that change an existing session. */
import type { Command } from 'commander';
import { UsageError } from '../exit.ts';
import { parsePairs } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import {
  addRetentionFlags,
  type RetentionFlags,
  requireAlone,
  retentionOf,
} from '../flags/retention-flags.ts';
import type { Invocation } from '../invocation.ts';
import { plain } from '../output/human.ts';
import { printSession } from './show.ts';

interface UpdateFlags extends RetentionFlags {
  readonly label?: string[];
  readonly labels: boolean;
  readonly forever?: boolean;
  readonly touch?: boolean;
}

/** `artifacta session update`. */
export function addSessionUpdate(session: Command, invocation: Invocation): void {
  addRetentionFlags(
    session.command('update').summary('change the labels or the retention of a session, or renew its lease'),
  )
    .description(
      'Changes the labels or the retention of a session, or renews its lease. This command can change the retention ' +
        'only while the session is open. After that, an operator can change it with "artifacta policy apply".',
    )
    .argument('<id>', 'the session')
    .addOption(repeated('--label <key=value...>', 'replace all labels'))
    .option('--no-labels', 'remove all labels')
    .option(
      '--forever',
      'the session never expires; an artifact of it expires only if it has an expiry of its own',
    )
    .option('--touch', 'renew the lease of the session')
    .action(async (id: string, flags: UpdateFlags, command: Command) => {
      const { label, labels, forever, touch = false } = flags;
      const retention = retentionOf(flags);
      requireAlone(forever, retention);
      const changes = {
        ...(label === undefined ? {} : { labels: parsePairs('--label', label) }),
        ...(labels ? {} : { labels: {} }),
        ...(retention === undefined && !forever ? {} : { retention: retention ?? null }),
      };
      if (Object.keys(changes).length === 0 && !touch)
        throw new UsageError(
          'say what to change: --label, --no-labels, --retain, --keep-last, --forever or --touch',
        );
      const { signal } = invocation.io;
      await invocation.withClient(command, async (client) => {
        await printSession(await client.sessions.update(id, { ...changes, touch, signal }), invocation);
      });
    });
}

/** `artifacta session rm`. */
export function addSessionRemove(session: Command, invocation: Invocation): void {
  session
    .command('rm')
    .summary('delete a session and all its artifacts')
    .description(
      'Deletes a session with all its artifacts. For all readers they are gone at once; their space is ' +
        'freed later. The id of the session can be used again 30 days after the deletion. The command is refused ' +
        'while an artifact of the session is on hold.',
    )
    .argument('<id>', 'the session')
    .option(
      '--etag <etag>',
      'only if the session still has this etag ("session show --json" prints the etag)',
    )
    .action(async (id: string, flags: { readonly etag?: string }, command: Command) => {
      const { io, output } = invocation;
      const condition = flags.etag === undefined ? {} : { etag: flags.etag };
      await invocation.withClient(command, async (client) => {
        const deleted = await client.sessions.delete(id, { ...condition, signal: io.signal });
        if (output.style.json) return output.json({ session: id, deleted });
        if (!deleted) return output.remark(`${id} did not exist; nothing was deleted`);
        await output.line(output.style.quiet ? id : `deleted  ${plain(id)}`);
      });
    });
}
