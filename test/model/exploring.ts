/** Visits every state of the model of collection. */
import { copy, type Extent, initial, transitionsOf, type Variant } from './collection-model.ts';
import { isMade, wrongDirect } from './direct-rules.ts';
import type { State } from './state.ts';

interface Violation {
  readonly what: string;
  /** What led there. */
  readonly trace: readonly string[];
}

interface Explored {
  readonly states: number;
  readonly violation: Violation | undefined;
}

/** What is wrong with a state as it is. */
function wrong(state: State): string | undefined {
  const { uploads, files, rows, spent, blob, bucket, direct } = state;
  if (bucket?.harm !== undefined) return bucket.harm;
  const live = uploads.filter(({ at }) => at === 'live').length + (direct && isMade(direct) ? 1 : 0);
  if (live > 0 && blob === undefined) return 'I8: a content is referred to and is not there';
  if (blob !== undefined && blob.refs !== live)
    return `I8: ${live} refer to a content that counts ${blob.refs}`;
  if (blob !== undefined && !files[blob.name]) return 'I8: a content is there without its file';
  if (blob !== undefined && rows[blob.name] !== 'live')
    return 'I8: a content is in a file that is not its own';
  const again = rows.findIndex((row, name) => row === 'live' && spent[name]);
  if (again >= 0) return `I9: the name ${again} was condemned, and is used again`;
  return wrongDirect(state);
}

/** Nothing new begins: uploads end, all graces pass, and collectors work until there is nothing left to do. */
function notDrained(state: State, variant: Variant | undefined): string | undefined {
  const quiet = copy(state);
  const quietly: Extent = {
    uploads: 0,
    collectors: 0,
    crashes: 0,
    ...(state.bucket && { bucket: { others: 0, isLocked: false } }),
  };
  for (const upload of quiet.uploads) if (upload.at === 'start') upload.at = 'failed';
  if (quiet.direct !== undefined)
    quiet.direct.ends = quiet.direct.ends.map((end) => (end === 'waiting' ? 'failed' : end));
  for (let left = 1_000; left > 0; left--) {
    const [transition] = transitionsOf(quiet, quietly, variant).filter(
      ({ name }) => !/ is (read|deleted)$|^direct upload (begins|sends)/.test(name),
    );
    if (transition === undefined) {
      const kept = quiet.blob === undefined || quiet.blob.refs === 0 ? [] : [quiet.blob.name];
      const there = [...quiet.files.keys()].filter((name) => quiet.files[name]);
      if (there.join() !== kept.join()) return `I10: the files ${there} stay, of which ${kept} are wanted`;
      if (quiet.queued !== 'no' || quiet.rows.some((row) => row !== 'none' && row !== 'live'))
        return 'I10: something stays in the queues';
      return undefined;
    }
    transition.take(quiet);
    const what = wrong(quiet);
    if (what !== undefined) return what;
  }
  return 'I10: it does not come to rest';
}

/** Visits every state, nearest first, until one is wrong: then `violation` says how to get there. */
export function explore(extent: Extent, variant?: Variant): Explored {
  const first = initial(extent);
  const cameBy = new Map<string, { readonly from: string; readonly by: string }>();
  const keyOf = (state: State) => JSON.stringify(state);
  cameBy.set(keyOf(first), { from: '', by: '' });
  let layer: State[] = [first];
  while (layer.length > 0) {
    const next: State[] = [];
    for (const state of layer) {
      const key = keyOf(state);
      const what = wrong(state) ?? notDrained(state, variant);
      if (what !== undefined)
        return { states: cameBy.size, violation: { what, trace: traceTo(key, cameBy) } };
      for (const { name, take } of transitionsOf(state, extent, variant)) {
        const after = copy(state);
        take(after);
        const afterKey = keyOf(after);
        if (cameBy.has(afterKey)) continue;
        cameBy.set(afterKey, { from: key, by: name });
        next.push(after);
      }
    }
    layer = next;
  }
  return { states: cameBy.size, violation: undefined };
}

function traceTo(
  key: string,
  cameBy: ReadonlyMap<string, { readonly from: string; readonly by: string }>,
): string[] {
  const trace: string[] = [];
  for (let at = key; ; ) {
    const { from, by } = cameBy.get(at)!;
    if (by === '') return trace.reverse();
    trace.push(by);
    at = from;
  }
}
