import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { ArtifactaClient } from '../../client/client.ts';
import { CannotWrite, inWords } from '../../client/files/cannot-write.ts';
import { OpenDirectory } from '../../client/files/open-directory.ts';
import { UsageError } from '../exit.ts';
import { readOnce, readStdin } from '../files/cannot-read.ts';
import { requireOutside } from '../files/outside.ts';
import type { Invocation } from '../invocation.ts';
import type { Io, OwnDirectory } from '../io.ts';
import { humanSize, plain } from '../output/human.ts';
import type { Output } from '../output/output.ts';
import { Progress } from '../output/progress.ts';
import { printStatus } from './status.ts';

/** `artifacta export`: writes the index to a file. */
export function addExport(program: Command, invocation: Invocation): Command {
  return program
    .command('export')
    .summary('write the index to a file (operators)')
    .description(
      'Writes a snapshot of the index to a file: all records, and the small contents that are stored ' +
        'in the index. Large contents are separate files in the data directory: copy them after the ' +
        'export, with any program that copies files. The export file appears only when it is complete.',
    )
    .argument('<file>', 'the file, or - for standard output')
    .option('--force', 'replace the file if it exists')
    .action(async (file: string, flags: { readonly force?: boolean }, command: Command) => {
      if (file === '-' && invocation.output.style.json)
        throw new UsageError(
          '--json cannot be used when the export goes to standard output; to get JSON, export to a file',
        );
      const { force = false } = flags;
      await invocation.withClient(command, (client, { ownDirectory }) =>
        file === '-'
          ? toStdout(client, invocation)
          : toFile(client, file, { force, own: ownDirectory }, invocation),
      );
    });
}

async function toStdout(client: ArtifactaClient, { io, output }: Invocation): Promise<void> {
  for await (const bytes of client.admin.exportIndex({ signal: io.signal })) {
    if (output.closed) return;
    await output.bytes(bytes);
  }
}

async function toFile(
  client: ArtifactaClient,
  path: string,
  { force, own }: { readonly force: boolean; readonly own: OwnDirectory | undefined },
  { io, output }: Invocation,
): Promise<void> {
  const partial = `${path}.part`;
  for (const one of [path, partial]) requireOutside(own, one);
  const progress = new Progress(output);
  let written = 0;
  try {
    await using directory = await OpenDirectory.open(await realpath(dirname(path)));
    const finalPath = directory.path(basename(path));
    const partialPath = directory.path(basename(partial));
    for (const one of [finalPath, partialPath]) requireOutside(own, one, path);
    if (!force && (await stat(finalPath).catch(() => undefined)) !== undefined)
      throw new CannotWrite(`${path} exists already; --force replaces it`);
    const file = await open(partialPath, 'wx', 0o600);
    try {
      for await (const bytes of client.admin.exportIndex({ signal: io.signal })) {
        await file.writeFile(bytes);
        written += bytes.length;
        progress.show({ bytes: written, ofBytes: undefined }, (figures) => `exported ${figures}: ${path}`);
      }
      await file.sync();
      await rename(partialPath, finalPath);
    } catch (error) {
      await rm(partialPath, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await using handle = await open(directory.path('.'), 'r');
    await handle.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new CannotWrite(
        `${partial} exists: another export is running, or was interrupted; if no export is running, remove this file`,
      );
    throw inWords(error, path);
  }
  if (output.style.json) await output.json({ file: path, sizeBytes: written });
  else await output.line(output.style.quiet ? path : `exported  ${humanSize(written)}  ${plain(path)}`);
}

/** `artifacta import`: fills a store from such a file. */
export function addImport(program: Command, invocation: Invocation): Command {
  return program
    .command('import')
    .summary('restore the index from a file (operators)')
    .description(
      'Restores the index to the state of an export, completely or not at all. Before the import, copy ' +
        'the content files that you saved with the export back into the data directory. After the ' +
        'import, run "artifacta fsck".',
    )
    .argument('[file]', 'the file, or - for standard input')
    .option(
      '--from <place>',
      'the place of the exports of the service itself, its --export-dir or gs://BUCKET/PREFIX, in place of a file: the ' +
        'newest export there, and all changes that were shipped after it',
    )
    .option('--replace', 'replace everything in the store; without this flag, the store must be empty')
    .action(async (file: string | undefined, flags: ImportFlags, command: Command) => {
      const { from, replace = false } = flags;
      if ((file === undefined) === (from === undefined))
        throw new UsageError('name a file, or a place with --from, and not both');
      if (file === undefined) return await importFrom(from ?? '', replace, command, invocation);
      if (file === '-' && invocation.io.stdin.isTTY)
        throw new UsageError('standard input is a terminal: name a file, or pipe an export into the command');
      await invocation.withClient(command, async (client, { ownDirectory }) => {
        if (file !== '-') requireOutside(ownDirectory, file);
        const { bytes, ofBytes } = await source(file, invocation.io);
        const { signal } = invocation.io;
        const { output } = invocation;
        const { rows, status } = await client.admin.importIndex(shown(bytes, ofBytes, output), {
          signal,
          replace,
        });
        if (output.style.json) return output.json({ rows, state: status.state, pauses: status.pauses });
        output.remark(`${rows} rows were restored`);
        await printStatus(status, invocation);
      });
    });
}

interface ImportFlags {
  readonly replace?: boolean;
  readonly from?: string;
}

async function importFrom(
  from: string,
  replace: boolean,
  command: Command,
  invocation: Invocation,
): Promise<void> {
  await invocation.withClient(command, async (client) => {
    const { output, io } = invocation;
    const place = from.startsWith('gs://') ? from : resolve(from);
    const imported = await client.admin.importFrom(place, { signal: io.signal, replace });
    const { rows, status, source: found } = imported;
    if (output.style.json)
      return output.json({ rows, source: found, state: status.state, pauses: status.pauses });
    output.remark(`${rows} rows were restored from ${found}`);
    await printStatus(status, invocation);
  });
}

async function source(
  file: string,
  { stdin }: Io,
): Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly ofBytes: number | undefined }> {
  if (file === '-') return { bytes: readStdin(stdin), ofBytes: undefined };
  const stats = await stat(file).catch(() => undefined);
  return { bytes: readOnce(file), ofBytes: stats?.isFile() ? stats.size : undefined };
}

/** Yields the same bytes and shows the progress. */
async function* shown(
  bytes: AsyncIterable<Uint8Array>,
  ofBytes: number | undefined,
  output: Output,
): AsyncGenerator<Uint8Array, void, void> {
  const progress = new Progress(output);
  let read = 0;
  for await (const piece of bytes) {
    read += piece.byteLength;
    progress.show({ bytes: read, ofBytes }, (figures) => `imported ${figures}`);
    yield piece;
  }
}
