import type { Command } from 'commander';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import type { Session } from '../../client/sessions/session.ts';
import { UsageError } from '../exit.ts';
import { isArtifactId, parseCount, parseRef } from '../flags/parse.ts';
import { retentionText } from '../flags/retention-flags.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime } from '../output/human.ts';
import { artifactJson, sessionJson } from '../output/json.ts';
import { keyValueLines } from '../output/table.ts';

/** `artifacta show`: shows the record of an artifact or a session. */
export function addShow(program: Command, invocation: Invocation): Command {
  return program
    .command('show')
    .summary('show the details of an artifact or a session')
    .description('Shows the details of an artifact (art_… or SESSION/NAME) or of a session (its id alone).')
    .argument('<ref>', 'art_…, SESSION/NAME or SESSION')
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .action(async (text: string, flags: { readonly version?: string }, command: Command) => {
      const version = flags.version === undefined ? undefined : parseCount('--version', flags.version, 1);
      if (!isArtifactId(text) && !text.includes('/')) {
        if (version !== undefined) throw new UsageError('--version needs SESSION/NAME');
        return invocation.withClient(command, (client) => showSession(client, text, invocation));
      }
      const ref = parseRef(text, version);
      await invocation.withClient(command, async (client) => {
        await printArtifact(await client.get(ref, { signal: invocation.io.signal }), invocation);
      });
    });
}

/** Prints an artifact in the requested form: for people, as JSON, or its id alone. */
export async function printArtifact(artifact: Artifact, { output }: Invocation): Promise<void> {
  if (output.style.json) return output.json(artifactJson(artifact));
  if (output.style.quiet) return output.line(artifact.id);
  for (const line of keyValueLines(artifactPairs(artifact))) await output.line(line);
}

/** Shows a session: `show SESSION`, and `session show`. */
export async function showSession(
  client: ArtifactaClient,
  id: string,
  invocation: Invocation,
): Promise<void> {
  await printSession(await client.sessions.get(id, { signal: invocation.io.signal }), invocation);
}

/** Prints a session in the same forms. */
export async function printSession(session: Session, { output }: Invocation): Promise<void> {
  if (output.style.json) return output.json(sessionJson(session));
  if (output.style.quiet) return output.line(session.id);
  for (const line of keyValueLines(sessionPairs(session))) await output.line(line);
}

type Pairs = (readonly [string, string])[];

function mapPairs(
  title: string,
  map: Readonly<Record<string, string>>,
  note: (key: string) => string,
): Pairs {
  const keys = Object.keys(map).sort();
  return keys.map((key, at) => [at === 0 ? title : '', `${key}=${map[key]}${note(key)}`] as const);
}

function artifactPairs(artifact: Artifact): Pairs {
  const inherited = new Set(artifact.inheritedMetadataKeys);
  const expiry = { none: '', artifact: ' (its own)', session_policy: " (its session's)" }[
    artifact.expirySource
  ];
  return [
    ['artifact', artifact.id],
    ['session', artifact.session],
    ['name', artifact.name],
    ['version', `${artifact.version}${artifact.latest ? ' (the latest)' : ''}`],
    ['size', `${humanSize(artifact.sizeBytes)} (${artifact.sizeBytes} bytes)`],
    ['type', artifact.contentType],
    ['sha256', artifact.sha256],
    ['created', humanTime(artifact.createTime)],
    ['expires', artifact.expireTime === undefined ? 'never' : humanTime(artifact.expireTime) + expiry],
    ...(artifact.hold ? ([['hold', 'yes']] as const) : []),
    ...mapPairs('metadata', artifact.metadata, (key) => (inherited.has(key) ? ' (from the session)' : '')),
    ...mapPairs('labels', artifact.labels, () => ''),
    ...artifact.inputs.map((input, at) => [at === 0 ? 'inputs' : '', input] as const),
  ];
}

function sessionPairs(session: Session): Pairs {
  const { manifest, missingOutputs } = session;
  return [
    ['session', session.id],
    ['state', session.outcome === undefined ? session.state : `${session.state}, ${session.outcome}`],
    ['artifacts', `${session.artifactCount}, ${humanSize(session.sizeBytes)}`],
    ['opened', humanTime(session.createTime)],
    ...(session.sealTime ? ([['sealed', humanTime(session.sealTime)]] as const) : []),
    ...(session.expireTime ? ([['expires', humanTime(session.expireTime)]] as const) : []),
    ...(session.kept
      ? ([['expires', 'not while it is one of the last sessions that --keep-last keeps']] as const)
      : []),
    ['retention', retentionText(session.retention)],
    ...(session.holdCount > 0 ? ([['on hold', String(session.holdCount)]] as const) : []),
    ...(session.lease ? ([['lease until', humanTime(session.lease.expireTime)]] as const) : []),
    ...(manifest
      ? ([
          [
            'manifest',
            `${manifest.lineCount} ${manifest.lineCount === 1 ? 'line' : 'lines'}, sha256 ${manifest.sha256}`,
          ],
        ] as const)
      : []),
    ...(missingOutputs.length > 0 ? ([['missing', missingOutputs.join(', ')]] as const) : []),
    ...mapPairs('metadata', session.metadata, () => ''),
    ...mapPairs('labels', session.labels, () => ''),
  ];
}
