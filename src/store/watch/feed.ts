/** The events of a session, from its feed: the rows, and the present state of the things that they are about. */
import type { Artifact } from '../../domain/artifact.ts';
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { FeedRecord, SessionRecord } from '../../index/records.ts';
import type { Entry } from '../../index/row.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import { asOf, isThere, type SessionNow } from '../rows/session-life.ts';
import { readSessions } from '../rows/session-rows.ts';

/**
 * One event. `sequence` is its place in the feed. `time` is in milliseconds since the Unix epoch; undefined if not
 * known.
 */
export interface FeedEvent {
  readonly sequence: number;
  readonly time: number | undefined;
  readonly what:
    | { readonly kind: 'committed'; readonly artifact: Artifact }
    | { readonly kind: 'deleted'; readonly id: ArtifactId }
    | { readonly kind: 'sealed'; readonly session: Session };
  /** The approximate memory that the event takes. */
  readonly bytes: number;
}

/** Events that are read together: records can be large. */
const eventsTogether = 64;
const smallBytes = 256;

/**
 * Yields the events after a sequence, up to the seal, which is included. An artifact that is gone by now appears as
 * deleted, in the place of its commit.
 *
 * @param now milliseconds since the Unix epoch.
 */
export async function* feedEvents(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  after: number,
  now: number,
): AsyncGenerator<readonly FeedEvent[]> {
  const range = {
    ...keys.artifacts.feed.range(ns, session.uid),
    gte: keys.artifacts.feed.key(ns, session.uid, after + 1),
  };
  for await (const block of reader.scan({ ...range, firstBlock: eventsTogether })) {
    for (let at = 0; at < block.length; at += eventsTogether) {
      const rows = block.slice(at, at + eventsTogether).map(rowOf);
      const end = rows.findIndex(({ row }) => row.kind === 'sealed');
      yield await eventsOf(reader, ns, session, end < 0 ? rows : rows.slice(0, end + 1), now);
      if (end >= 0) return;
    }
  }
}

interface Row {
  readonly sequence: number;
  readonly row: FeedRecord;
}

function rowOf([key, value]: Entry): Row {
  return { sequence: keys.artifacts.feed.parse(key)[2], row: keys.artifacts.feed.decode(value) };
}

async function eventsOf(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  rows: readonly Row[],
  now: number,
): Promise<FeedEvent[]> {
  const committed = await readCommitted(reader, ns, asOf(session, now), rows, now);
  const events: FeedEvent[] = [];
  for (const { sequence, row } of rows) {
    if (row.kind === 'sealed') events.push(await sealedEvent(reader, ns, session, sequence, now));
    else if (row.kind === 'deleted') events.push(deletedEvent(sequence, row.id, row.time));
    else events.push(committed.get(row.id)?.(sequence) ?? deletedEvent(sequence, row.id, undefined));
  }
  return events;
}

function deletedEvent(sequence: number, id: ArtifactId, time: number | undefined): FeedEvent {
  return { sequence, time, what: { kind: 'deleted', id }, bytes: smallBytes };
}

async function readCommitted(
  reader: Reader,
  ns: string,
  session: SessionNow,
  rows: readonly Row[],
  now: number,
): Promise<ReadonlyMap<ArtifactId, (sequence: number) => FeedEvent>> {
  const ids = rows.flatMap(({ row }) => (row.kind === 'committed' ? [row.id] : []));
  const values = await reader.getMany(ids.map((id) => keys.artifacts.record.key(ns, id)));
  const live = values.flatMap((value) => {
    const record = value && keys.artifacts.record.decode(value);
    return record === undefined || !isThere(record, session, now) ? [] : [{ record, bytes: value!.length }];
  });
  const heads = await reader.getMany(
    live.map(({ record }) => keys.artifacts.head.key(ns, record.uid, record.name)),
  );
  return new Map(
    live.map(({ record, bytes }, at) => {
      const head = heads[at] && keys.artifacts.head.decode(heads[at]);
      const artifact = toArtifact(record, head?.latest === record.id, session);
      const what = { kind: 'committed' as const, artifact };
      return [record.id, (sequence) => ({ sequence, time: record.createTime, what, bytes })];
    }),
  );
}

async function sealedEvent(
  reader: Reader,
  ns: string,
  record: SessionRecord,
  sequence: number,
  now: number,
): Promise<FeedEvent> {
  const [session] = await readSessions(reader, ns, [record], now);
  return {
    sequence,
    time: record.sealTime,
    what: { kind: 'sealed', session: session! },
    bytes: JSON.stringify(record).length,
  };
}

/** Returns the seal of a sealed session, whatever came after it. Undefined if the session is not sealed. */
export async function readSeal(
  reader: Reader,
  ns: string,
  record: SessionRecord,
  now: number,
): Promise<FeedEvent | undefined> {
  if (record.state !== 'sealed') return undefined;
  for await (const block of reader.scan({
    ...keys.artifacts.feed.range(ns, record.uid),
    reverse: true,
    firstBlock: 1,
  })) {
    const seal = block.map(rowOf).find(({ row }) => row.kind === 'sealed');
    if (seal !== undefined) return await sealedEvent(reader, ns, record, seal.sequence, now);
  }
  return undefined;
}

/** Returns the record of a session. Undefined if the session was deleted, or does not exist any more. */
export async function readSessionRecord(
  reader: Reader,
  ns: string,
  uid: SessionUid,
): Promise<SessionRecord | undefined> {
  const value = await reader.get(keys.sessions.record.key(ns, uid));
  const record = value && keys.sessions.record.decode(value);
  return record?.deleteTime === undefined ? record : undefined;
}

/** Returns the uid of the session that an id names. Undefined if no session has the id, or if it is gone. */
export async function readUid(reader: Reader, ns: string, id: string): Promise<SessionUid | undefined> {
  const value = await reader.get(keys.sessions.name.key(ns, id));
  const name = value && keys.sessions.name.decode(value);
  return name?.goneSince === undefined ? name?.uid : undefined;
}
