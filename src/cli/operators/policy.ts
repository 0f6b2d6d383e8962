import type { Command } from 'commander';
import type { RetentionChange, RetentionPolicy } from '../../client/admin/policies.ts';
import { UsageError } from '../exit.ts';
import {
  addRetentionFlags,
  type RetentionFlags,
  requireAlone,
  retentionOf,
  retentionText,
} from '../flags/retention-flags.ts';
import { addGlobalFlags, type Invocation } from '../invocation.ts';
import { humanSize, humanTime, plain } from '../output/human.ts';
import { retentionJson } from '../output/json.ts';
import { keyValueLines, tableLines } from '../output/table.ts';

const inHelp = 'the namespace of the policy; --namespace does not change it';

interface InFlag {
  readonly in: string;
}

/** `artifacta policy`: the retention of a namespace. */
export function addPolicy(program: Command, invocation: Invocation): Command {
  const policy = program
    .command('policy')
    .summary('show and change the retention of a namespace')
    .description(
      'Shows and changes the retention of a namespace. The retention says how long artifacts are kept. ' +
        'It applies to sessions that are opened without a retention of their own. Only operators may use ' +
        'these commands.',
    )
    .enablePositionalOptions();
  addGet(policy, invocation);
  addSet(policy, invocation);
  addApply(policy, invocation);
  for (const command of [policy, ...policy.commands]) addGlobalFlags(command);
  return policy;
}

function addGet(policy: Command, invocation: Invocation): void {
  policy
    .command('get')
    .summary('show the retention')
    .description('Shows the retention of a namespace.')
    .option('--in <namespace>', inHelp, 'default')
    .action(async (flags: InFlag, command: Command) => {
      await invocation.withClient(command, async (client) => {
        await print(await client.policies.get(flags.in, { signal: invocation.io.signal }), invocation);
      });
    });
}

interface SetFlags extends RetentionFlags, InFlag {
  readonly forever?: boolean;
  readonly etag?: string;
  readonly dryRun?: boolean;
}

function addSet(policy: Command, invocation: Invocation): void {
  addRetentionFlags(policy.command('set').summary('replace the retention, for sessions opened from now on'))
    .description(
      'Replaces the retention of a namespace, for sessions opened from now on. For earlier sessions, use ' +
        '"artifacta policy apply".',
    )
    .option('--in <namespace>', inHelp, 'default')
    .option('--forever', 'keep everything that has no expiry of its own')
    .option('--etag <etag>', 'only if the policy still has this etag ("policy get --json" prints the etag)')
    .option('--dry-run', 'check the retention, but change nothing')
    .action(async (flags: SetFlags, command: Command) => {
      const retention = retentionOf(flags);
      requireAlone(flags.forever, retention);
      if (retention === undefined && flags.forever === undefined)
        throw new UsageError('say what to set: --retain, --keep-last or both; or --forever');
      const options = {
        signal: invocation.io.signal,
        validateOnly: flags.dryRun ?? false,
        ...(flags.etag === undefined ? {} : { etag: flags.etag }),
      };
      await invocation.withClient(command, async (client) => {
        await print(await client.policies.set(flags.in, retention ?? null, options), invocation);
        if (flags.dryRun) invocation.output.remark('nothing was changed');
      });
    });
}

interface ApplyFlags extends RetentionFlags, InFlag {
  readonly filter?: string;
  readonly forever?: boolean;
  readonly yes?: boolean;
}

function addApply(policy: Command, invocation: Invocation): void {
  addRetentionFlags(policy.command('apply').summary('apply the retention to earlier sessions'))
    .description(
      'Shows the earlier sessions whose expiry would change if they got the retention of the ' +
        'namespace, or the retention that the flags give. With --yes, the command applies that ' +
        'retention. Sessions whose new expiry is in the past then expire at once.',
    )
    .option('--in <namespace>', inHelp, 'default')
    .option(
      '--filter <filter>',
      'only these sessions, e.g. session.outcome = FAILED AND create_time < now-30d',
    )
    .option('--forever', 'keep everything in these sessions that has no expiry of its own')
    .option('--yes', 'apply the retention')
    .action(async (flags: ApplyFlags, command: Command) => {
      const given = retentionOf(flags);
      requireAlone(flags.forever, given);
      const options = {
        retention: given ?? (flags.forever ? {} : undefined),
        filter: flags.filter,
        validateOnly: flags.yes !== true,
        pageSize: 100,
        signal: invocation.io.signal,
      };
      await invocation.withClient(command, async (client) => {
        const count = await printChanges(client.policies.apply(flags.in, options), invocation);
        const what = `${count} session${count === 1 ? '' : 's'}`;
        invocation.output.remark(
          flags.yes ? `${what} changed` : `${what} would change; --yes applies the change`,
        );
      });
    });
}

async function print(policy: RetentionPolicy, { output }: Invocation): Promise<void> {
  const { namespace, retention, updateTime, etag } = policy;
  if (output.style.json)
    return output.json({
      namespace,
      retention: retention === undefined ? null : retentionJson(retention),
      update_time: updateTime?.toISOString() ?? null,
      etag,
    });
  if (output.style.quiet) return output.line(etag);
  const lines = keyValueLines([
    ['namespace', namespace],
    ['kept', retentionText(retention)],
    ['set', updateTime === undefined ? 'never' : humanTime(updateTime)],
    ['etag', etag],
  ]);
  for (const line of lines) await output.line(line);
}

/** Prints the changes. Returns how many they were. */
async function printChanges(
  changes: AsyncIterable<RetentionChange>,
  { output }: Invocation,
): Promise<number> {
  let count = 0;
  if (output.style.json || output.style.quiet) {
    for await (const change of changes) {
      count++;
      if (output.style.quiet) await output.line(change.session);
      else await output.json(changeJson(change));
    }
    return count;
  }
  async function* rows() {
    for await (const { session, before, after, artifactCount, sizeBytes } of changes) {
      count++;
      yield [plain(session), timeText(before), timeText(after), String(artifactCount), humanSize(sizeBytes)];
    }
  }
  const columns = [
    { title: 'SESSION' },
    { title: 'BEFORE' },
    { title: 'AFTER' },
    { title: 'ARTIFACTS', right: true },
    { title: 'SIZE', right: true },
  ];
  for await (const line of tableLines(columns, rows())) await output.line(line.trimEnd());
  return count;
}

function timeText(time: Date | undefined): string {
  return time === undefined ? 'never' : humanTime(time);
}

function changeJson({ session, before, after, artifactCount, sizeBytes }: RetentionChange) {
  return {
    session,
    old_expire_time: before?.toISOString() ?? null,
    new_expire_time: after?.toISOString() ?? null,
    artifact_count: artifactCount,
    size_bytes: sizeBytes,
  };
}
