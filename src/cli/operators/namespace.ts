import type { Command } from 'commander';
import type { Namespace, Quota, Usage } from '../../client/admin/access.ts';
import { UsageError } from '../exit.ts';
import { parseBytes, parseCount } from '../flags/parse.ts';
import { addGlobalFlags, type Invocation } from '../invocation.ts';
import { humanSize, humanTime } from '../output/human.ts';
import { keyValueLines, tableLines } from '../output/table.ts';

interface SettingFlags {
  readonly description?: string;
  readonly maxBytes?: string;
  readonly maxArtifacts?: string;
  readonly maxSessions?: string;
}

/** `artifacta namespace`: makes, lists and changes namespaces, and limits them. */
export function addNamespace(program: Command, invocation: Invocation): Command {
  const namespace = program
    .command('namespace')
    .summary('make, list and change namespaces, and set their quotas')
    .description(
      'Manages namespaces. Each namespace is a tenant: its data cannot be reached from another namespace.',
    )
    .enablePositionalOptions();
  addCreate(namespace, invocation);
  addSet(namespace, invocation);
  addShow(namespace, invocation);
  addList(namespace, invocation);
  for (const command of [namespace, ...namespace.commands]) addGlobalFlags(command);
  return namespace;
}

function withSettings(command: Command): Command {
  return command
    .option('--description <text>', 'the purpose of the namespace')
    .option('--max-bytes <n>', 'the most bytes that the namespace may store, e.g. 10GiB')
    .option('--max-artifacts <n>', 'the most artifacts, counting all versions')
    .option('--max-sessions <n>', 'the most sessions');
}

function addCreate(namespace: Command, invocation: Invocation): void {
  withSettings(namespace.command('create').summary('make a namespace'))
    .description('Makes a namespace. If the namespace exists with the same settings, nothing changes.')
    .argument('<name>', 'the name: at most 63 lower-case letters, digits and "-"')
    .action(async (name: string, flags: SettingFlags, command: Command) => {
      const wanted = { ...settingsOf(flags), signal: invocation.io.signal };
      await invocation.withClient(command, async (client) => {
        await print(await client.access.createNamespace(name, wanted), invocation);
      });
    });
}

function addSet(namespace: Command, invocation: Invocation): void {
  withSettings(namespace.command('set').summary('change the description or the quota of a namespace'))
    .description(
      'Changes the description, the quota, or both. If a --max-… flag is given, the limits that are not given are ' +
        'removed. With --description alone, the quota does not change. A lower quota deletes nothing.',
    )
    .argument('<name>', 'the namespace')
    .option('--no-quota', 'remove all limits')
    .action(async (name: string, flags: SettingFlags & { readonly quota: boolean }, command: Command) => {
      const settings = settingsOf(flags);
      const quota = flags.quota ? settings.quota : {};
      if (!flags.quota && settings.quota !== undefined)
        throw new UsageError('--no-quota cannot be given with --max-…');
      if (settings.description === undefined && quota === undefined)
        throw new UsageError('say what to change: --description, --max-…, or --no-quota');
      const changes = { description: settings.description, quota, signal: invocation.io.signal };
      await invocation.withClient(command, async (client) => {
        await print(await client.access.updateNamespace(name, changes), invocation);
      });
    });
}

function addShow(namespace: Command, invocation: Invocation): void {
  namespace
    .command('show')
    .summary('show the usage and the quota of a namespace')
    .description('Shows the usage and the quota of a namespace.')
    .argument('<name>', 'the namespace')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await invocation.withClient(command, async (client) => {
        const found = await client.access.getNamespace(name, { signal: invocation.io.signal });
        await print(found, invocation, found.usage);
      });
    });
}

function addList(namespace: Command, invocation: Invocation): void {
  namespace
    .command('ls')
    .summary('list the namespaces')
    .description('Lists the namespaces by name.')
    .action(async (_flags: unknown, command: Command) => {
      const { io, output } = invocation;
      await invocation.withClient(command, async (client) => {
        const found = client.access.namespaces({ signal: io.signal });
        if (output.style.json) for await (const one of found) await output.json(namespaceJson(one));
        else if (output.style.quiet) for await (const one of found) await output.line(one.name);
        else for await (const line of tableLines(columns, rows(found))) await output.line(line);
      });
    });
}

function settingsOf(flags: SettingFlags): { description: string | undefined; quota: Quota | undefined } {
  const { maxBytes, maxArtifacts, maxSessions } = flags;
  const quota: Quota = {
    sizeBytes: maxBytes === undefined ? undefined : parseBytes('--max-bytes', maxBytes),
    artifacts: maxArtifacts === undefined ? undefined : parseCount('--max-artifacts', maxArtifacts, 1),
    sessions: maxSessions === undefined ? undefined : parseCount('--max-sessions', maxSessions, 1),
  };
  const isGiven = Object.values(quota).some((limit) => limit !== undefined);
  return { description: flags.description, quota: isGiven ? quota : undefined };
}

const columns = [
  { title: 'NAME' },
  { title: 'MAX SIZE', right: true },
  { title: 'MAX ARTIFACTS', right: true },
  { title: 'MAX SESSIONS', right: true },
  { title: 'CREATED' },
  { title: 'DESCRIPTION' },
];

async function* rows(namespaces: AsyncIterable<Namespace>): AsyncGenerator<readonly string[]> {
  for await (const { name, quota, createTime, description } of namespaces)
    yield [
      name,
      quota.sizeBytes === undefined ? '-' : humanSize(quota.sizeBytes),
      count(quota.artifacts),
      count(quota.sessions),
      humanTime(createTime),
      description,
    ];
}

function count(limit: number | undefined): string {
  return limit === undefined ? '-' : String(limit);
}

async function print(namespace: Namespace, { output }: Invocation, usage?: Usage): Promise<void> {
  if (output.style.json) return output.json(namespaceJson(namespace, usage));
  if (output.style.quiet) return output.line(namespace.name);
  const { quota } = namespace;
  const of = (used: string | undefined, limit: string | undefined) =>
    [...(used === undefined ? [] : [used]), limit === undefined ? 'no limit' : `of at most ${limit}`].join(
      ', ',
    );
  const size = (bytes: number | undefined) => (bytes === undefined ? undefined : humanSize(bytes));
  const text = (value: number | undefined) => (value === undefined ? undefined : String(value));
  const lines = keyValueLines([
    ['namespace', namespace.name],
    ['description', namespace.description],
    ['size', of(size(usage?.sizeBytes), size(quota.sizeBytes))],
    ['artifacts', of(text(usage?.artifacts), text(quota.artifacts))],
    ['sessions', of(text(usage?.sessions), text(quota.sessions))],
    ['created', humanTime(namespace.createTime)],
  ]);
  for (const line of lines) await output.line(line);
}

function namespaceJson({ name, description, quota, createTime, etag }: Namespace, usage?: Usage) {
  return {
    name,
    description,
    quota: {
      size_bytes: quota.sizeBytes ?? null,
      artifacts: quota.artifacts ?? null,
      sessions: quota.sessions ?? null,
    },
    ...(usage === undefined
      ? {}
      : { usage: { size_bytes: usage.sizeBytes, artifacts: usage.artifacts, sessions: usage.sessions } }),
    create_time: createTime.toISOString(),
    etag,
  };
}
