import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { CannotWrite } from '../../client/files/cannot-write.ts';
import { save } from '../../client/files/save.ts';
import { type Segments, Target } from '../../client/files/target.ts';
import { segmentsOf, TargetNames } from '../../client/files/target-names.ts';
import { concernsAll } from '../advice.ts';
import type { Invocation } from '../invocation.ts';
import type { OwnDirectory } from '../io.ts';
import { exitCodeForAll } from '../outcome.ts';
import { FileProgress } from '../output/progress.ts';
import { mapInOrder } from './in-order.ts';
import { refusing } from './outside.ts';
import { otherBytes, type PulledFile, PulledFiles } from './pulled.ts';

/** The number of files that are fetched at once. */
const concurrencyMax = 4;

/** Where and how a session is written. */
export interface PullOptions {
  readonly to: string | undefined;
  readonly force: boolean;
  /** The data directory, into which nothing is pulled. */
  readonly own: OwnDirectory | undefined;
}

type Item =
  | { readonly artifact: Artifact; readonly segments: Segments }
  | { readonly artifact: Artifact; readonly error: unknown }
  /** The name has come before, at an earlier version. */
  | { readonly artifact: Artifact; readonly newer: true };

type Result = PulledFile & { readonly error?: unknown; readonly newer?: true };

/** Writes the latest version of everything in a session below a directory. */
export async function pullSession(
  client: ArtifactaClient,
  session: string,
  options: PullOptions,
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  // This comes first, so that a session that does not exist leaves no directory behind.
  await client.sessions.get(session, { signal: io.signal });
  const target = await Target.open(options.to ?? segmentsOf(session)[0], {
    create: true,
    refuse: refusing(options.own),
  });
  const names = new TargetNames(await target.foldsCase());
  const progress = new FileProgress(output);
  const ended = new AbortController();
  if (output.showsProgress) expectTotal(client, session, ended.signal, progress);
  let fatal: unknown;

  const work = async (item: Item): Promise<Result> => {
    const { artifact } = item;
    if (!('segments' in item)) return { path: undefined, status: 'failed', ...item };
    const path = target.shownPath(item.segments);
    try {
      const onBytes = (bytes: number) => progress.moved(artifact.name, 'fetching', bytes, artifact.sizeBytes);
      const status = await save(client, artifact, target, item.segments, {
        refuseOther: options.force ? undefined : otherBytes,
        signal: io.signal,
        onBytes,
      });
      return { artifact, path, status };
    } catch (error) {
      if (endsAll(error)) fatal ??= error;
      return { artifact, path, status: 'failed', error };
    } finally {
      progress.finished(artifact.name, artifact.sizeBytes);
    }
  };

  const artifacts = claimed(client.query({ session, order: 'oldest', signal: io.signal }), names);
  const results = mapInOrder(artifacts, concurrencyMax, () => fatal === undefined, work);
  const { failures, done } = await report(results, invocation).finally(() => ended.abort());
  if (fatal !== undefined) output.remark('the other artifacts were not tried');
  invocation.exitCode = exitCodeForAll(failures, done, fatal);
}

/**
 * Lists everything once more while the first files arrive already. The result is only for display: what fails here
 * fails in the pull too.
 */
function expectTotal(
  client: ArtifactaClient,
  session: string,
  signal: AbortSignal,
  progress: FileProgress,
): void {
  const sum = async () => {
    let bytes = 0;
    for await (const { sizeBytes } of client.query({ session, signal })) bytes += sizeBytes;
    return bytes;
  };
  sum().then(
    (bytes) => progress.expect(bytes),
    () => undefined,
  );
}

/**
 * Yields the artifacts, each with the path for its name. The oldest come first: a version that is pushed meanwhile then
 * comes at the end. Otherwise it would remove an artifact from a list that has not reached it yet.
 */
async function* claimed(
  artifacts: AsyncIterable<Artifact>,
  names: TargetNames,
): AsyncGenerator<Item, void, void> {
  for await (const artifact of artifacts) {
    if (names.has(artifact.name)) {
      yield { artifact, newer: true };
      continue;
    }
    let item: Item;
    try {
      item = { artifact, segments: names.claim(artifact.name) };
    } catch (error) {
      item = { artifact, error };
    }
    yield item;
  }
}

async function report(
  results: AsyncIterable<Result>,
  { io, output }: Invocation,
): Promise<{ failures: unknown[]; done: number }> {
  const files = new PulledFiles(output);
  const failures: unknown[] = [];
  for await (const { newer, error, ...file } of results) {
    if (io.signal?.aborted) throw new Error('interrupted');
    const { name, version } = file.artifact;
    if (newer) {
      output.remark(
        `${name} was pushed again during the pull, so the pulled version is older than its version ${version}; to get ` +
          'that one, pull again with --force',
      );
      continue;
    }
    await files.add(file);
    if (file.status !== 'failed') continue;
    // An error that concerns all files is shown once.
    if (!endsAll(error) || !failures.some(endsAll)) output.error(error, name);
    failures.push(error);
  }
  await files.end();
  return { failures, done: files.count };
}

function endsAll(error: unknown): boolean {
  return error instanceof CannotWrite ? error.concernsAll : concernsAll(error);
}
