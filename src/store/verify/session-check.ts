/** Compares sessions with their versions, feeds and outputs; heads with versions; usage with artifacts. */
import { textOf } from '../../index/bytes.ts';
import type { Snapshot } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, HeadRecord, SessionRecord, UsageRecord } from '../../index/records.ts';
import { damaged, examined, type ReadValue, readable, valuesOf } from '../rows/damaged-rows.ts';
import { usageShard } from '../rows/usage.ts';
import { type Diagnosis, diagnosis } from './finding.ts';
import { grouped, joined } from './join.ts';
import type { Scope } from './scope.ts';

interface Sums {
  readonly artifacts: number;
  readonly bytes: number;
  readonly holds: number;
}

interface Listed {
  readonly ns: string;
  readonly uid: SessionRecord['uid'];
  readonly name: string;
  readonly version: number;
  /** Undefined if the artifact's record cannot be read. */
  readonly record: ArtifactRecord | undefined;
}

/** The first two columns of a key, which are those of the session in several families. */
const sessionGroup = (ns: string, uid: SessionRecord['uid']) =>
  textOf(keys.sessions.record.key(ns, uid)).slice(1);

/** Yields every version with its record, in the order of sessions and names, the highest version of a name first. */
async function* versions(snapshot: Snapshot, scope: Scope): AsyncGenerator<Listed> {
  for await (const block of examined(snapshot, scope.rangeOf(keys.artifacts.version))) {
    const rows = block.flatMap((row) => {
      const parts = row.kind === 'unreadable' ? undefined : scope.parse(keys.artifacts.version, row.key);
      if (parts === undefined) return [];
      const [ns, uid, name, version] = parts as [string, SessionRecord['uid'], string, number];
      const id = row.kind === 'row' ? scope.decode(keys.artifacts.version, row.value)?.id : undefined;
      return [{ ns, uid, name, version, id }];
    });
    const withId = rows.filter(({ id }) => id !== undefined);
    const values = await valuesOf(
      snapshot,
      withId.map(({ ns, id }) => keys.artifacts.record.key(ns, id!)),
    );
    const records = new Map<(typeof rows)[number], ReadValue>(withId.map((row, at) => [row, values[at]]));
    for (const row of rows) {
      const value = records.get(row);
      const record =
        value === undefined || value === damaged ? undefined : keys.artifacts.record.decode(value);
      yield { ...row, record };
    }
  }
}

async function* sessionRows(snapshot: Snapshot, scope: Scope) {
  for await (const [key, value] of readable(snapshot, scope.rangeOf(keys.sessions.record))) {
    const parts = scope.parse(keys.sessions.record, key);
    const record = scope.decode(keys.sessions.record, value);
    if (parts !== undefined && record !== undefined)
      yield [textOf(key).slice(1), { ns: String(parts[0]), record }] as const;
  }
}

/** Checks the counts of sessions. A session's artifacts are those that its versions name. */
export async function* sessionCounts(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  async function* listed() {
    for await (const version of versions(snapshot, scope))
      yield [sessionGroup(version.ns, version.uid), version] as const;
  }
  const nothing: Sums = { artifacts: 0, bytes: 0, holds: 0 };
  const add = (sums: Sums, { record }: Listed): Sums =>
    record === undefined
      ? sums
      : {
          artifacts: sums.artifacts + 1,
          bytes: sums.bytes + record.size,
          holds: sums.holds + (record.hold ? 1 : 0),
        };
  const sums = grouped(
    listed(),
    (item) => ({ first: item, sums: add(nothing, item) }),
    (group, item) => ({ ...group, sums: add(group.sums, item) }),
  );
  for await (const { group, left, right } of joined(sessionRows(snapshot, scope), sums)) {
    if (scope.isUnsure(group)) continue;
    if (left === undefined) {
      const { ns, uid } = right!.first;
      yield diagnosis(
        'ROW_CORRUPT',
        { namespace: ns },
        `the record of the session ${uid} cannot be read; import an export`,
      );
      continue;
    }
    const { ns, record } = left;
    const actual = right?.sums ?? nothing;
    const lacks = {
      artifacts: actual.artifacts - record.artifacts,
      bytes: actual.bytes - record.bytes,
      holds: actual.holds - record.holds,
    };
    if (lacks.artifacts === 0 && lacks.bytes === 0 && lacks.holds === 0) continue;
    yield diagnosis(
      'COUNT_WRONG',
      { namespace: ns, session: record.id },
      `the session is recorded with ${record.artifacts} artifacts of ${record.bytes} bytes, ${record.holds} of ` +
        `them on hold; it has ${actual.artifacts} of ${actual.bytes} bytes, ${actual.holds} on hold`,
      { kind: 'countSession', ns, uid: record.uid, ...lacks },
    );
  }
}

/** Checks that the events of a session are numbered without gaps, up to the number in its record. */
export async function* feeds(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  async function* rows() {
    for await (const [key, value] of readable(snapshot, scope.rangeOf(keys.artifacts.feed))) {
      const parts = scope.parse(keys.artifacts.feed, key) as
        | [string, SessionRecord['uid'], number]
        | undefined;
      const event = scope.decode(keys.artifacts.feed, value);
      if (parts !== undefined && event !== undefined)
        yield [
          sessionGroup(parts[0], parts[1]),
          { number: parts[2], sealed: event.kind === 'sealed' },
        ] as const;
    }
  }
  const sums = grouped(
    rows(),
    ({ number, sealed }) => ({ rows: 1, last: number, sealed }),
    (sum, { number, sealed }) => ({ rows: sum.rows + 1, last: number, sealed: sum.sealed || sealed }),
  );
  for await (const { left, right } of joined(sessionRows(snapshot, scope), sums)) {
    // Another check reports a session whose record cannot be read; a session that was deleted is being taken apart.
    if (left === undefined || left.record.deleteTime !== undefined) continue;
    const { ns, record } = left;
    const actual = right ?? { rows: 0, last: 0, sealed: false };
    const about = { namespace: ns, session: record.id };
    if (actual.rows !== record.feed || actual.last !== record.feed)
      yield diagnosis(
        'INDEX_ROW_WRONG',
        about,
        `the session should have ${record.feed} events; ${actual.rows} exist, and the last of them has the number ` +
          `${actual.last}. Lost events cannot be restored`,
      );
    else if (actual.sealed !== (record.state === 'sealed'))
      yield diagnosis(
        'INDEX_ROW_WRONG',
        about,
        actual.sealed
          ? `the session is ${record.state}, but an event says that it was sealed`
          : 'the session is sealed, but no event says so',
      );
  }
}

/**
 * Checks that the sessions on a list of the last few have the mark, and no others. A fault there keeps too much, never
 * too little.
 */
export async function* keptLists(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  const listed = new Set<string>();
  for await (const [key, value] of readable(snapshot, scope.rangeOf(keys.sessions.kept))) {
    const parts = scope.parse(keys.sessions.kept, key);
    const record = scope.decode(keys.sessions.kept, value);
    if (parts === undefined || record === undefined) continue;
    for (const { uid } of record.sessions) listed.add(sessionGroup(String(parts[0]), uid));
  }
  for await (const [group, { ns, record }] of sessionRows(snapshot, scope)) {
    const isListed = listed.delete(group);
    if (isListed === (record.kept === true)) continue;
    const what = isListed
      ? 'is on a list of kept sessions but is not marked as kept'
      : 'is marked as kept but is on no list';
    yield diagnosis('INDEX_ROW_WRONG', { namespace: ns, session: record.id }, `the session ${what}`);
  }
  if (listed.size > 0)
    yield diagnosis('INDEX_ROW_WRONG', {}, `${listed.size} sessions on lists of kept sessions do not exist`);
}

/** Checks that expected outputs exist exactly where a session says that it has some. */
export async function* outputs(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  async function* rows() {
    for await (const [key] of readable(snapshot, scope.rangeOf(keys.sessions.outputs)))
      yield [textOf(key).slice(1), true] as const;
  }
  for await (const { left, right } of joined(sessionRows(snapshot, scope), rows())) {
    if ((left?.record.hasOutputs ?? false) === (right ?? false)) continue;
    const about = left === undefined ? {} : { namespace: left.ns, session: left.record.id };
    const what = right ? 'exist, but the session does not record them' : 'are lost; import an export';
    yield diagnosis('INDEX_ROW_WRONG', about, `the expected outputs of a session ${what}`);
  }
}

/** Checks that heads name the latest version, and a next version that was never used. */
export async function* heads(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  async function* headRows() {
    for await (const block of examined(snapshot, scope.rangeOf(keys.artifacts.head)))
      for (const row of block) {
        const parts = row.kind === 'unreadable' ? undefined : scope.parse(keys.artifacts.head, row.key);
        if (parts === undefined) continue;
        const head = row.kind === 'row' ? scope.decode(keys.artifacts.head, row.value) : undefined;
        yield [textOf(row.key).slice(1), { parts, head }] as const;
      }
  }
  async function* named() {
    for await (const version of versions(snapshot, scope))
      yield [
        textOf(keys.artifacts.head.key(version.ns, version.uid, version.name)).slice(1),
        version,
      ] as const;
  }
  const highest = grouped(
    named(),
    (item) => item,
    (first) => first,
  );
  for await (const { left, right } of joined(headRows(), highest)) {
    const [ns, uid, name] = (left?.parts ?? [right!.ns, right!.uid, right!.name]) as [
      string,
      SessionRecord['uid'],
      string,
    ];
    const wrong = faultOf(left?.head, right);
    if (wrong === undefined || scope.isUnsure(sessionGroup(ns, uid))) continue;
    const about = { namespace: ns };
    const kind = left !== undefined && left.head === undefined ? 'ROW_CORRUPT' : 'INDEX_ROW_WRONG';
    const message = `${scope.describe(keys.artifacts.head.key(ns, uid, name))} ${wrong}`;
    if (right !== undefined && right.record === undefined) {
      yield diagnosis(
        kind,
        about,
        `${message}; repair the row of the version first ("artifacta fsck --repair"), then check again`,
      );
      continue;
    }
    const top = right && { id: right.record!.id, version: right.version };
    yield diagnosis(kind, about, message, { kind: 'head', ns, uid, name, was: left?.head, highest: top });
  }
}

function faultOf(head: HeadRecord | undefined, highest: Listed | undefined): string | undefined {
  if (head === undefined) return 'is missing or damaged';
  if (highest === undefined) return head.deleted ? undefined : 'names a version that does not exist';
  if (highest.version >= head.nextVersion)
    return `would give the next version a number that is already used: the highest version is ${highest.version}`;
  if (highest.record === undefined) return undefined;
  const isLatest = head.latest === highest.record.id;
  if (isLatest === (head.deleted === true)) return 'does not name the latest version';
  return undefined;
}

/** Checks the usage of namespaces, in the shares in which it is kept. */
export async function* usage(snapshot: Snapshot, scope: Scope): AsyncGenerator<Diagnosis> {
  // Sixteen for each namespace.
  const shares = new Map<string, Share>();
  const shareOf = (ns: string, shard: number) => {
    const id = `${ns} ${shard}`;
    const share = shares.get(id) ?? { ns, shard, sessions: 0, artifacts: 0, bytes: 0 };
    shares.set(id, share);
    return share;
  };
  for await (const [key, value] of readable(snapshot, scope.rangeOf(keys.sessions.record))) {
    const parts = scope.parse(keys.sessions.record, key);
    const record = scope.decode(keys.sessions.record, value);
    if (parts !== undefined && record !== undefined)
      shareOf(String(parts[0]), usageShard(record.id)).sessions++;
  }
  for await (const [key, value] of readable(snapshot, scope.rangeOf(keys.artifacts.record))) {
    const parts = scope.parse(keys.artifacts.record, key);
    const record = scope.decode(keys.artifacts.record, value);
    if (parts === undefined || record === undefined) continue;
    const share = shareOf(String(parts[0]), usageShard(record.session));
    share.artifacts++;
    share.bytes += record.size;
  }
  for await (const block of examined(snapshot, scope.rangeOf(keys.calls.usage)))
    for (const row of block) {
      const parts = scope.parse(keys.calls.usage, row.key);
      if (parts === undefined) continue;
      const [ns, shard] = parts as [string, number];
      const share = shareOf(ns, shard);
      const said: UsageRecord | undefined =
        row.kind === 'row' ? scope.decode(keys.calls.usage, row.value) : undefined;
      // Another check reports a damaged share.
      for (const what of counted) share[what] = said === undefined ? 0 : share[what] - (said[what] ?? 0);
    }
  for (const { ns, shard, ...lacking } of shares.values())
    if (counted.some((what) => lacking[what] !== 0))
      yield diagnosis(
        'COUNT_WRONG',
        { namespace: ns },
        `a usage counter of the namespace is wrong by: sessions ${lacking.sessions}, artifacts ` +
          `${lacking.artifacts}, bytes ${lacking.bytes} (positive: counted too few; negative: counted too many)`,
        { kind: 'countUsage', ns, shard, ...lacking },
      );
}

const counted = ['sessions', 'artifacts', 'bytes'] as const;

type Share = { readonly ns: string; readonly shard: number } & Record<(typeof counted)[number], number>;
