import type { Content } from '../../client/artifacts/content.ts';
import type { Pushed, PushSpec } from '../../client/artifacts/push-spec.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { concernsAll } from '../advice.ts';
import type { Invocation } from '../invocation.ts';
import type { OwnDirectory } from '../io.ts';
import { exitCodeForAll } from '../outcome.ts';
import { humanSize, plain } from '../output/human.ts';
import { pushedJson } from '../output/json.ts';
import type { Output } from '../output/output.ts';
import { FileProgress } from '../output/progress.ts';
import type { Exclusions } from './exclusions.ts';
import { mapInOrder } from './in-order.ts';
import { LeftOut } from './left-out.ts';
import type { PushItem } from './push-items.ts';

/** The number of files that are pushed at once. */
const concurrencyMax = 8;

/** The work of one `push`. */
export interface PushRequest {
  /** @param own the data directory, from which nothing is pushed. */
  items(own: OwnDirectory | undefined): AsyncIterable<PushItem>;
  /** Returns the number of bytes of all items. Default: unknown. */
  totalBytes?(own: OwnDirectory | undefined, signal: AbortSignal): Promise<number>;
  readonly spec: Omit<PushSpec, 'name'>;
  readonly exclusions: Exclusions;
  /** See {@link PushSettings.direct}. */
  readonly direct?: boolean | undefined;
}

type Result = PushItem | { readonly pushed: Pushed; readonly isHidden: boolean };

/** Pushes everything, several items at once, and shows the results in the order of the items. */
export async function pushAll(
  client: ArtifactaClient,
  request: PushRequest,
  own: OwnDirectory | undefined,
  invocation: Invocation,
): Promise<void> {
  const { output, io } = invocation;
  const failures: unknown[] = [];
  const sums = new Sums();
  const progress = new FileProgress(output);
  const ended = new AbortController();
  if (output.showsProgress) expectTotal(request, own, ended.signal, progress);
  let fatal: unknown;
  const work = async (item: PushItem): Promise<Result> => {
    if (!('open' in item)) return item;
    let content: Content | Uint8Array | undefined;
    try {
      content = await item.open();
      const ofBytes = sizeOf(content);
      const pushed = await client.push(content, {
        ...request.spec,
        name: item.name,
        signal: io.signal,
        direct: request.direct,
        onProgress: ({ phase, bytes }) => progress.moved(item.path, phase, bytes, ofBytes),
      });
      return { pushed, isHidden: item.isHidden ?? false };
    } catch (error) {
      if (concernsAll(error)) fatal ??= error;
      return { path: item.path, error: error as Error };
    } finally {
      progress.finished(item.path, (content && sizeOf(content)) ?? 0);
      await item.close?.();
    }
  };
  const results = mapInOrder(request.items(own), concurrencyMax, () => fatal === undefined, work);
  try {
    for await (const result of results) await tell(result, sums, failures, invocation);
  } finally {
    ended.abort();
  }
  sums.tell(output, fatal === undefined ? request.exclusions.idle : []);
  if (sums.done === 0 && failures.length === 0)
    throw new Error(
      'no files were found to push: the directory is empty, or everything in it was left out (--exclude, ' +
        '.artifactaignore, --links)',
    );
  if (fatal !== undefined && sums.done + failures.length > 1) output.remark('the other files were not tried');
  invocation.exitCode = exitCodeForAll(failures, sums.done, fatal);
}

async function tell(result: Result, sums: Sums, failures: unknown[], invocation: Invocation): Promise<void> {
  const { io, output } = invocation;
  if ('pushed' in result) {
    sums.pushed(result);
    await show(result.pushed, invocation);
  } else if (io.signal?.aborted) throw new Error('interrupted');
  else if ('why' in result) {
    const { path, reason, why } = result;
    sums.leftOut.add(reason);
    // For the items that the user has excluded, the number is enough.
    if (reason !== 'excluded')
      output.remark(`${path} was skipped: ${why}`, { skipped: { path, reason, message: why } });
  } else if ('error' in result) {
    // An error that concerns all items is shown once.
    if (!concernsAll(result.error) || !failures.some(concernsAll)) output.error(result.error, result.path);
    failures.push(result.error);
  }
}

/**
 * Looks at everything while the first files are pushed already. The result is only for display: what fails here fails
 * in the push too.
 */
function expectTotal(
  { totalBytes }: PushRequest,
  own: OwnDirectory | undefined,
  signal: AbortSignal,
  progress: FileProgress,
): void {
  totalBytes?.(own, signal).then(
    (bytes) => progress.expect(bytes),
    () => undefined,
  );
}

/** The sums that are shown at the end. */
class Sums {
  readonly leftOut = new LeftOut();
  done = 0;
  private hidden = 0;
  private firstHidden = '';

  pushed({ pushed, isHidden }: { readonly pushed: Pushed; readonly isHidden: boolean }): void {
    this.done++;
    if (!isHidden) return;
    if (this.hidden === 0) this.firstHidden = pushed.artifact.name;
    this.hidden++;
  }

  tell(output: Output, idleExclusions: readonly string[]): void {
    if (this.hidden > 0) {
      const { hidden: count, firstHidden: first } = this;
      const text =
        count === 1
          ? `1 hidden file was stored: ${first}`
          : `${count} hidden files were stored, the first is ${first}`;
      output.remark(`${text}; --exclude ".*" leaves them out`, { hidden: { count, first } });
    }
    for (const pattern of idleExclusions) output.remark(`--exclude ${pattern}: nothing matched it`);
    this.leftOut.tell(output);
  }
}

/** Undefined for standard input that is longer than what is read ahead. */
function sizeOf(content: Content | Uint8Array): number | undefined {
  return content instanceof Uint8Array ? content.byteLength : content.sizeBytes;
}

async function show(pushed: Pushed, { output }: Invocation): Promise<void> {
  const { artifact } = pushed;
  if (output.style.json) return output.json(pushedJson(pushed));
  if (output.style.quiet) return output.line(artifact.id);
  const what = pushed.replayed ? 'repeated' : pushed.deduplicated ? 'unchanged' : 'new';
  const size = humanSize(artifact.sizeBytes).padStart(9);
  const version = `v${artifact.version}`.padEnd(4);
  const name = plain(`${artifact.session}/${artifact.name}`);
  await output.line(`${artifact.id}  ${version}  ${size}  ${what.padEnd(9)}  ${name}`);
  const differs = [
    pushed.metadataDiffers ? 'metadata' : '',
    pushed.labelsDiffer ? 'labels' : '',
    pushed.inputsDiffer ? 'inputs' : '',
  ].filter((word) => word !== '');
  const differing = differs.join(' and ');
  if (differs.length > 0)
    output.remark(
      `${artifact.name} is already stored with the same bytes, but with different ${differing}, which this push did not ` +
        `change; --new-version stores a version with the ${differing} of this push`,
    );
}
