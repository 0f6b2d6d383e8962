import { type Command, Option } from 'commander';
import { type Outcome, outcomeNames } from '../../client/sessions/session.ts';

import { parsePairs, parseTime } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import {
  addRetentionFlags,
  type RetentionFlags,
  requireAlone,
  retentionOf,
} from '../flags/retention-flags.ts';
import { addGlobalFlags, type Invocation } from '../invocation.ts';
import { listSessions } from './list.ts';
import { addSessionRemove, addSessionUpdate } from './session-changes.ts';
import { printSession, showSession } from './show.ts';
import { addWait } from './watch.ts';

interface OpenFlags extends RetentionFlags {
  readonly meta?: string[];
  readonly label?: string[];
  readonly expect?: string[];
  readonly lease?: string;
  readonly forever?: boolean;
}

interface SealFlags {
  readonly outcome: Outcome;
  readonly durable?: boolean;
}

/** The meaning of `--durable`. */
export const durableText =
  'wait until the seal would outlast the loss of the volume of the service: until it is in the bucket, or in the ' +
  'directory, to which the service ships its index';

/** `artifacta session`: opens, shows, lists, changes, seals, waits for and deletes sessions. */
export function addSession(program: Command, invocation: Invocation): Command {
  const session = program
    .command('session')
    .summary('open, show, list, change, seal, wait for and delete sessions')
    .description('Manages sessions. A session contains the artifacts of one run of an agent.')
    .enablePositionalOptions();
  addOpen(session, invocation);
  addSeal(session, invocation);
  addAmend(session, invocation);
  addSessionUpdate(session, invocation);
  addSessionRemove(session, invocation);
  addWait(session, invocation);
  session
    .command('show')
    .summary('show the details of a session')
    .description('Shows the details of a session.')
    .argument('<id>', 'the session')
    .action(async (id: string, _flags: unknown, command: Command) => {
      await invocation.withClient(command, (client) => showSession(client, id, invocation));
    });
  session
    .command('ls')
    .summary('list the sessions')
    .description(
      'Lists the sessions as "artifacta ls" does. With --json each session is one JSON document on one line.',
    )
    .option('--limit <n>', 'at most this many results (default: all)')
    .action((flags: { readonly limit?: string }, command: Command) =>
      listSessions(flags, command, invocation),
    );
  for (const command of [session, ...session.commands]) addGlobalFlags(command);
  return session;
}

function addOpen(session: Command, invocation: Invocation): void {
  addRetentionFlags(
    session.command('open').summary('open a session; can set its metadata, retention and lease'),
  )
    .description(
      'Opens a session. A push opens its session if necessary. Use this command to set metadata that ' +
        'the artifacts inherit, their retention, a lease, or the outputs that the run is expected to ' +
        'produce.',
    )
    .argument('<id>', 'the session')
    .addOption(
      repeated(
        '--meta <key=value...>',
        'metadata, such as provenance, which the artifacts of the session inherit; cannot be changed later',
      ),
    )
    .addOption(repeated('--label <key=value...>', 'labels; can be changed later'))
    .option(
      '--forever',
      'the session never expires, whatever the policy of the namespace says; an artifact of it expires only if it ' +
        'has an expiry of its own',
    )
    .option(
      '--lease <time>',
      'seal the session as abandoned after this time without a new version or a renewal, from 10s to 30d, e.g. 10m',
    )
    .option(
      '--expect <name...>',
      'names of the artifacts that the run should produce; put this flag after the session id, since it takes all ' +
        'words up to the next flag',
    )
    .action(async (id: string, flags: OpenFlags, command: Command) => {
      const retention = retentionOf(flags);
      requireAlone(flags.forever, retention);
      const options = {
        retention: retention ?? (flags.forever ? {} : undefined),
        leaseMs:
          flags.lease === undefined
            ? undefined
            : parseTime('--lease', flags.lease, { min: '10s', max: '30d' }),
        metadata: parsePairs('--meta', flags.meta ?? []),
        labels: parsePairs('--label', flags.label ?? []),
        expectedOutputs: flags.expect ?? [],
        signal: invocation.io.signal,
      };
      await invocation.withClient(command, async (client) => {
        const opened = await client.sessions.open(id, options);
        if (!opened.created) invocation.output.remark(`session ${id} existed already`);
        await printSession(opened.session, invocation);
      });
    });
}

function addAmend(session: Command, invocation: Invocation): void {
  type Known = Exclude<Outcome, 'abandoned'>;
  const known = outcomeNames.filter((name) => name !== 'abandoned');
  session
    .command('amend')
    .summary('set the real outcome of an abandoned session')
    .description(
      'Sets the real outcome of a session that was sealed as abandoned. This is possible only once. ' +
        'The manifest does not change.',
    )
    .argument('<id>', 'the session')
    .addOption(
      new Option('--outcome <outcome>', 'required: how the run ended').choices(known).makeOptionMandatory(),
    )
    .action(async (id: string, flags: { readonly outcome: Known }, command: Command) => {
      await invocation.withClient(command, async (client) => {
        const amended = await client.sessions.amend(id, flags.outcome, { signal: invocation.io.signal });
        await printSession(amended, invocation);
      });
    });
}

function addSeal(session: Command, invocation: Invocation): void {
  session
    .command('seal')
    .summary('end a session with an outcome')
    .description(
      'Seals a session. A sealed session accepts nothing new. Its manifest, the list of its artifacts, never changes.',
    )
    .argument('<id>', 'the session')
    .addOption(
      new Option('--outcome <outcome>', 'how the run ended').choices(outcomeNames).default('succeeded'),
    )
    .option('--durable', durableText)
    .action(async (id: string, flags: SealFlags, command: Command) => {
      await invocation.withClient(command, async (client) => {
        const sealed = await client.sessions.seal(id, flags.outcome, {
          signal: invocation.io.signal,
          durability: flags.durable ? 'shipped' : undefined,
        });
        if (sealed.alreadySealed) invocation.output.remark(`session ${id} was sealed already`);
        const missing = sealed.session.missingOutputs;
        if (missing.length > 0)
          invocation.output.remark(`expected outputs are missing: ${missing.join(', ')}`);
        await printSession(sealed.session, invocation);
      });
    });
}
