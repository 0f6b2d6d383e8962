import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import type { ArtifactRef } from '../../client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { UsageError } from '../exit.ts';
import { type PullOptions, pullSession } from '../files/pull-session.ts';
import { PulledFiles } from '../files/pulled.ts';
import { save } from '../files/save.ts';
import { Target } from '../files/target.ts';
import { segmentsOf } from '../files/target-names.ts';
import { isArtifactId, parseCount, parseRef } from '../flags/parse.ts';
import type { Invocation } from '../invocation.ts';
import { FileProgress } from '../output/progress.ts';

interface PullFlags {
  readonly to?: string;
  readonly version?: string;
  readonly force?: boolean;
}

/** `artifacta pull`: writes an artifact, or a session, to files. */
export function addPull(program: Command, invocation: Invocation): Command {
  return program
    .command('pull')
    .summary('fetch a session, or one artifact, into files')
    .description(
      'Writes the latest version of each artifact of a session to a file below a directory, or one ' +
        'artifact to a file. A file appears only if its bytes match their SHA-256. An existing file with ' +
        'the same bytes is left alone, so that a second pull continues where the first ended. An ' +
        'existing file with other bytes is an error without --force. Whatever the names are, nothing is ' +
        'written outside the directory, and nothing through a symbolic link in it.',
    )
    .argument('<ref>', 'SESSION, SESSION/NAME or art_…')
    .option(
      '--to <path>',
      'for a session: a directory (default: ./SESSION); for an artifact: a file, a directory, or - for ' +
        'standard output (default: the last part of its name)',
    )
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .option('--force', 'replace files that have other bytes')
    .action(async (text: string, flags: PullFlags, command: Command) => {
      const version = flags.version === undefined ? undefined : parseCount('--version', flags.version, 1);
      const force = flags.force ?? false;
      if (flags.to === '') throw new UsageError('--to must be a path, or - for standard output');
      if (isArtifactId(text) || text.includes('/')) {
        const ref = parseRef(text, version);
        if (flags.to === '-' && invocation.output.style.json)
          throw new UsageError(
            '--json cannot be used when the bytes go to standard output; to get JSON, pull to a file',
          );
        return invocation.withClient(command, (client, way) =>
          pullArtifact(client, ref, { to: flags.to, force, own: way.ownDirectory }, invocation),
        );
      }
      if (version !== undefined) throw new UsageError('--version needs SESSION/NAME');
      if (flags.to === '-')
        throw new UsageError('a session must be pulled into a directory, not to standard output');
      return invocation.withClient(command, (client, way) =>
        pullSession(client, text, { to: flags.to, force, own: way.ownDirectory }, invocation),
      );
    });
}

async function pullArtifact(
  client: ArtifactaClient,
  ref: ArtifactRef,
  flags: PullOptions,
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  const progress = new FileProgress(output);
  if (flags.to === '-') {
    await using download = await client.download(ref, { signal: io.signal });
    for await (const chunk of download) {
      await output.bytes(chunk);
      if (output.closed) return;
    }
    return;
  }
  const artifact = await client.get(ref, { signal: io.signal });
  const { directory, name } = await placeFor(flags.to, segmentsOf(artifact.name).at(-1)!);
  const target = await Target.open(directory, { create: false, own: flags.own });
  const status = await save(client, artifact, target, [name], {
    force: flags.force,
    signal: io.signal,
    onBytes: (bytes) => progress.moved(artifact.name, 'fetching', bytes, artifact.sizeBytes),
  });
  const files = new PulledFiles(output);
  await files.add({ artifact, path: target.shownPath([name]), status });
  await files.end();
}

/** Returns where one artifact goes: into an existing directory, or to a file with that name. */
async function placeFor(
  to: string | undefined,
  lastSegment: string,
): Promise<{ readonly directory: string; readonly name: string }> {
  if (to === undefined) return { directory: '.', name: lastSegment };
  const isDirectory = await stat(to).then(
    (stats) => stats.isDirectory(),
    () => to.endsWith('/'),
  );
  if (isDirectory) return { directory: to, name: lastSegment };
  return { directory: dirname(to), name: basename(to) };
}
