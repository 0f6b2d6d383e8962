import type { Command } from 'commander';
import type { Artifact, ArtifactRef } from '../../client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import { UsageError } from '../exit.ts';
import { parseCount, parseRef } from '../flags/parse.ts';
import type { Invocation } from '../invocation.ts';
import { Account } from '../outcome.ts';
import { humanSize, plain } from '../output/human.ts';

interface RemoveFlags {
  readonly version?: string;
  readonly etag?: string;
}

interface Wanted {
  readonly text: string;
  readonly ref: ArtifactRef;
}

interface Removed {
  readonly text: string;
  readonly deleted: boolean;
  /** Undefined if it could not be read before. */
  readonly artifact: Artifact | undefined;
}

/** `artifacta rm`: deletes artifacts. */
export function addRemove(program: Command, invocation: Invocation): Command {
  return program
    .command('rm')
    .summary('delete artifacts')
    .description(
      'Deletes artifacts permanently, one version of each. SESSION/NAME means only the latest version. ' +
        'An artifact that does not exist is not an error; a note names it.',
    )
    .argument('<ref...>', 'art_… or SESSION/NAME')
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .option('--etag <etag>', 'only if the artifact still has this etag ("show --json" prints the etag)')
    .action(async (texts: string[], flags: RemoveFlags, command: Command) => {
      const wanted = parse(texts, flags);
      await invocation.withClient(command, (client) => removeAll(client, wanted, flags.etag, invocation));
    });
}

function parse(texts: readonly string[], flags: RemoveFlags): Wanted[] {
  for (const flag of ['version', 'etag'] as const)
    if (texts.length > 1 && flags[flag] !== undefined)
      throw new UsageError(`--${flag} needs one artifact, not several`);
  const version = flags.version === undefined ? undefined : parseCount('--version', flags.version, 1);
  return texts.map((text) => ({ text, ref: parseRef(text, version) }));
}

async function removeAll(
  client: ArtifactaClient,
  wanted: readonly Wanted[],
  etag: string | undefined,
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  const account = new Account(invocation);
  for (const one of wanted) {
    try {
      const removed = await remove(client, one, etag, io.signal);
      account.succeeded();
      await show(removed, invocation);
    } catch (error) {
      if (account.failed(error, one.text)) continue;
      if (account.tried < wanted.length) output.remark('the other artifacts were not tried');
      break;
    }
  }
  account.close();
}

/** Deletes the version that was read, even if a newer version comes in between. */
async function remove(
  client: ArtifactaClient,
  { text, ref }: Wanted,
  etag: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Removed> {
  const artifact = await client.get(ref, { signal }).catch((error: unknown) => {
    // The deletion then gives the answer, also about an expired artifact, and for credentials that may not read.
    const codes: readonly unknown[] = ['NOT_FOUND', 'PERMISSION_DENIED'];
    if (error instanceof ArtifactaError && codes.includes(error.code)) return undefined;
    throw error;
  });
  const condition = etag === undefined ? {} : { etag };
  const deleted = await client.delete(artifact?.id ?? ref, { signal, ...condition });
  return { text, deleted, artifact };
}

async function show({ text, deleted, artifact }: Removed, { output }: Invocation): Promise<void> {
  const id = artifact?.id;
  if (output.style.json) return output.json({ ...(id === undefined ? {} : { id }), ref: text, deleted });
  if (!deleted) return output.remark(`${text} did not exist; nothing was deleted`);
  if (output.style.quiet) return output.line(id ?? text);
  if (artifact === undefined) return output.line(`deleted  ${plain(text)}`);
  const size = humanSize(artifact.sizeBytes).padStart(9);
  const name = plain(`${artifact.session}/${artifact.name}`);
  await output.line(`${artifact.id}  ${`v${artifact.version}`.padEnd(4)}  ${size}  deleted  ${name}`);
}
