import type { Command } from 'commander';
import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import type { ServerInfo, ServerLimits } from '../../client/server-info.ts';
import { clientVersion } from '../../client/version.ts';
import type { Invocation, Way } from '../invocation.ts';
import { humanDuration, humanSize } from '../output/human.ts';
import { keyValueLines } from '../output/table.ts';

/** `artifacta version`: shows the versions of the command and of the service, and what the service can do. */
export function addVersion(program: Command, invocation: Invocation): Command {
  return program
    .command('version')
    .summary('the versions of this command and of the service, and what the service can do')
    .description(
      'Shows the version of this command, and the version, the features and the limits of the service. With --json it ' +
        'shows every method and limit. "artifacta --version" does not contact a service.',
    )
    .action(async (_flags: unknown, command: Command) => {
      await invocation.withClient(command, async (client, way) => {
        await printVersions(await infoOf(client, invocation), way, invocation);
      });
    });
}

/** Returns what the service says; undefined if it is too old to say anything. */
async function infoOf(client: ArtifactaClient, { io }: Invocation): Promise<ServerInfo | undefined> {
  try {
    return await client.serverInfo({ signal: io.signal });
  } catch (error) {
    if (error instanceof ArtifactaError && error.reason === 'NOT_IMPLEMENTED') return undefined;
    throw error;
  }
}

async function printVersions(
  info: ServerInfo | undefined,
  way: Way,
  { io, output }: Invocation,
): Promise<void> {
  if (output.style.json) return output.json(versionsJson(info, way));
  const version = versionText(info);
  if (output.style.quiet) return output.line(version);
  const where =
    way.isEmbedded === true ? `in this process, over ${way.description}` : `at ${way.description}`;
  const pairs: [string, string][] = [
    ['client', io.version ?? clientVersion],
    ['service', `${version}, ${where}`],
    ...(info === undefined ? [] : infoPairs(info)),
  ];
  for (const line of keyValueLines(pairs)) await output.line(line);
}

function versionText(info: ServerInfo | undefined): string {
  if (info === undefined) return `older than ${clientVersion}`;
  return info.version === '' ? 'unknown' : info.version;
}

function infoPairs({ authenticationRequired, features, limits }: ServerInfo): [string, string][] {
  return [
    ['access', authenticationRequired ? 'with credentials, on the network' : 'without credentials'],
    ['features', features.length === 0 ? 'none' : features.join(', ')],
    ['limits', limitsText(limits)],
  ];
}

/** Returns the limits that users meet first. */
function limitsText({ maxArtifactBytes, maxShareLinkTtlMs, requestIdRetentionMs }: ServerLimits): string {
  const size = (bytes: number | undefined) => (bytes === undefined ? 'unknown' : humanSize(bytes));
  const time = (ms: number | undefined) => (ms === undefined ? 'unknown' : humanDuration(ms));
  return [
    `artifact ${size(maxArtifactBytes)}`,
    `share link ${time(maxShareLinkTtlMs)}`,
    `request id kept ${time(requestIdRetentionMs)}`,
  ].join(', ');
}

function versionsJson(info: ServerInfo | undefined, { description, isEmbedded = false }: Way) {
  return {
    client: { version: clientVersion },
    service: {
      place: description,
      embedded: isEmbedded,
      version: info === undefined || info.version === '' ? null : info.version,
      authentication_required: info?.authenticationRequired ?? null,
      features: info?.features ?? null,
      methods: info?.methods ?? null,
      limits: info === undefined ? null : limitsJson(info.limits),
    },
  };
}

/** Returns every limit by the name of its field, times in milliseconds. */
function limitsJson(limits: ServerLimits): Record<string, number | null> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(limits).map(([name, value]) => [snake(name), value ?? null]));
}
