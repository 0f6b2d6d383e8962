/** Lists of sessions, put together from pages that were read at different times. */

/** The facts about a session that decide its place and whether it changed. */
interface Listable {
  readonly id: string;
  readonly uid: string;
  readonly etag: string;
  readonly artifactCount: bigint;
  readonly sizeBytes: bigint;
  readonly lastSequence: bigint;
  readonly holdCount: bigint;
  readonly metadata: Readonly<Record<string, string>>;
}

function isSame(a: Listable, b: Listable): boolean {
  return (
    a.uid === b.uid &&
    a.etag === b.etag &&
    a.artifactCount === b.artifactCount &&
    a.sizeBytes === b.sizeBytes &&
    a.lastSequence === b.lastSequence &&
    a.holdCount === b.holdCount
  );
}

/**
 * Returns the list with a first page that was read later. Sessions that the page should have and has not are gone.
 * Returns the same list if nothing changed.
 *
 * @param isWhole whether no page follows.
 */
export function refreshed<T extends Listable>(
  before: readonly T[],
  page: readonly T[],
  isWhole: boolean,
): readonly T[] {
  const inPage = new Set(page.map(({ uid }) => uid));
  const last = page.at(-1);
  const at = last === undefined ? -1 : before.findIndex(({ uid }) => uid === last.uid);
  // What came after the last one of the page stays as it was.
  const rest = isWhole
    ? []
    : at >= 0
      ? before.slice(at + 1).filter(({ uid }) => !inPage.has(uid))
      : before.filter(({ uid }) => !inPage.has(uid));
  const next = [...page, ...rest];
  const isUnchanged =
    next.length === before.length && next.every((session, index) => isSame(session, before[index]!));
  return isUnchanged ? before : next;
}

/** A session in the tree of runs within runs. */
export interface Branch<T> {
  readonly session: T;
  readonly depth: number;
}

/** The deepest level that is shown as one of its own. */
const depthMax = 8;

/** Returns the sessions as a tree: a run within a run comes after its parent, if that is listed. */
export function asTree<T extends Listable>(sessions: readonly T[]): Branch<T>[] {
  const ids = new Set(sessions.map(({ id }) => id));
  const parentOf = ({ id, metadata }: T) => {
    const { parent } = metadata;
    return parent !== undefined && parent !== id && ids.has(parent) ? parent : undefined;
  };
  const children = Map.groupBy(
    sessions.filter((session) => parentOf(session) !== undefined),
    (session) => parentOf(session)!,
  );
  const found: Branch<T>[] = [];
  const seen = new Set<string>();
  const add = (session: T, depth: number) => {
    if (seen.has(session.uid)) return;
    seen.add(session.uid);
    found.push({ session, depth: Math.min(depth, depthMax) });
    for (const child of children.get(session.id)?.toReversed() ?? []) add(child, depth + 1);
  };
  for (const session of sessions) if (parentOf(session) === undefined) add(session, 0);
  // Sessions that name each other as parents.
  for (const session of sessions) add(session, 0);
  return found;
}
