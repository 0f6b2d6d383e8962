/**
 * The ring of commit rows. Every batch writes one, numbered without gaps. A batch that vanished in the middle shows as
 * a gap. A batch that vanished at the end shows in a comparison with the high-water mark. Where several processes write
 * to one database, each has a ring of its own.
 */
import { Failure } from '../../domain/errors.ts';
import { IndexDamaged, type Loss } from '../damage.ts';
import type { Reader } from '../door.ts';
import { commitRange, keys } from '../keys.ts';
import type { CommitRecord } from '../records.ts';
import type { Entry, Key, Write } from '../row.ts';
import type { Database, DatabaseReader } from './database.ts';
import { examineRows, scanRows } from './reader.ts';
import { decodeRow, encodeWrite } from './stored-row.ts';

/** The number of the newest commits that the ring has. */
export const ringSlots = 1_024;

/** Returns the keys of the slots of a ring. */
function slotKeysOf(ring: number): Key[] {
  return Array.from({ length: ringSlots }, (_, slot) => keys.store.commit.key(ring * ringSlots + slot));
}

/** Returns the write that puts a commit into its slot of a ring. */
export function commitWrite(commit: CommitRecord, ring = 0): Write {
  return keys.store.commit.put([ring * ringSlots + (commit.seq % ringSlots)], commit);
}

/** Returns the commit after `before`. */
export function nextCommit(before: CommitRecord, epoch: number, time: number): CommitRecord {
  const seq = before.seq + 1;
  const { since } = before;
  // A full ring needs no beginning.
  return since === undefined || seq - since >= ringSlots ? { seq, epoch, time } : { seq, epoch, time, since };
}

/**
 * Returns the newest commit; number 0 if none exists. Fails with {@link IndexDamaged}, which names the missing commits,
 * unless the newest commits all exist, as far back as the ring goes, and the newest is at least `atLeast`.
 */
export async function checkCommits(database: Database, atLeast: number, ring = 0): Promise<CommitRecord> {
  const commits = await readRing(database, ring);
  const newest = newestOf(commits);
  const missing: [first: number, last: number][] = [];
  for (let seq = Math.max(newest.since ?? 1, newest.seq - ringSlots + 1); seq <= newest.seq; seq++) {
    if (commits[seq % ringSlots]?.seq === seq) continue;
    const range = missing.at(-1);
    if (range?.[1] === seq - 1) range[1] = seq;
    else missing.push([seq, seq]);
  }
  if (newest.seq < atLeast) missing.push([newest.seq + 1, atLeast]);
  if (missing.length > 0) {
    const first = missing[0]![0];
    const before = commits[(first - 1) % ringSlots];
    throw lost(
      missing,
      {
        firstCommit: first,
        lastCommit: Math.max(newest.seq, atLeast),
        lastIntactTime: before?.seq === first - 1 ? before.time : 0,
      },
      { dropped: database.dropped, whyLost: newest.seq < atLeast ? database.whyLost : undefined },
    );
  }
  return newest;
}

/** Returns the newest commit of a ring that a reader sees, unchecked; number 0 if none exists. */
export async function newestCommit(reader: Pick<Reader, 'getMany'>, ring = 0): Promise<CommitRecord> {
  const values = await reader.getMany(slotKeysOf(ring));
  return newestOf(values.map((value) => (value === undefined ? undefined : keys.store.commit.decode(value))));
}

/** The rings of all processes but the one that has, or had, the store for itself. */
const ringsOfReplicas = { gte: keys.store.commit.key(ringSlots), lt: commitRange.lt };

/**
 * Returns the highest number of a commit in any ring that a reader sees, and the latest time of one; 0 if none exists.
 * The two may be of different commits: each ring has numbers of its own.
 */
export async function newestOfRings(
  reader: Pick<Reader, 'getMany' | 'scan'>,
): Promise<Pick<CommitRecord, 'seq' | 'time'>> {
  return await newestBehind(await newestCommit(reader), reader.scan(ringsOfReplicas));
}

async function newestBehind(
  { seq, time }: Pick<CommitRecord, 'seq' | 'time'>,
  blocks: AsyncIterable<readonly Entry[]>,
): Promise<Pick<CommitRecord, 'seq' | 'time'>> {
  let newest = { seq, time };
  for await (const block of blocks)
    for (const [, value] of block) {
      const commit = keys.store.commit.decode(value);
      newest = { seq: Math.max(newest.seq, commit.seq), time: Math.max(newest.time, commit.time) };
    }
  return newest;
}

/**
 * Returns the commit after which a process that has the store for itself continues: the newest of its ring, or one that
 * this writes if replicas have written since. That one has a higher number than any before it, so that a gap shows where
 * the changes of replicas are missing.
 *
 * @param newest of the ring, checked.
 */
export async function continueAfterReplicas(database: Database, newest: CommitRecord): Promise<CommitRecord> {
  const { seq, time } = await newestBehind(newest, scanRows(database, ringsOfReplicas));
  if (time <= newest.time) return newest;
  const next: CommitRecord = { seq: seq + 1, epoch: 0, time: time + 1, since: seq + 1 };
  await database.batch([encodeWrite(commitWrite(next))]);
  return next;
}

/**
 * Returns the newest commit that can be read, by a scan: after LevelDB has repaired a database, a look-up may find an
 * older row than a scan does.
 */
export async function scanNewestCommit(database: DatabaseReader): Promise<CommitRecord> {
  const commits: CommitRecord[] = [];
  for await (const block of examineRows(database, commitRange))
    for (const row of block) if (row.kind === 'row') commits.push(keys.store.commit.decode(row.value));
  return newestOf(commits);
}

/** Returns the newest of the commits; number 0 if none exists. */
function newestOf(commits: readonly (CommitRecord | undefined)[]): CommitRecord {
  let newest: CommitRecord = { seq: 0, epoch: 0, time: 0 };
  for (const commit of commits) if (commit !== undefined && commit.seq > newest.seq) newest = commit;
  return newest;
}

async function readRing(database: Database, ring: number): Promise<(CommitRecord | undefined)[]> {
  const slotKeys = slotKeysOf(ring);
  const stored = await database.getMany(slotKeys);
  return stored.map((row, slot) => {
    if (row === undefined) return undefined;
    const key = slotKeys[slot]!;
    try {
      return keys.store.commit.decode(decodeRow(key, row));
    } catch (error) {
      // A commit that cannot be read counts as missing, and the rest of the ring says which one it was.
      if (error instanceof Failure && error.reason === 'DATA_LOSS') return undefined;
      throw error;
    }
  });
}

function lost(
  missing: readonly (readonly [number, number])[],
  known: Pick<Loss, 'firstCommit' | 'lastCommit' | 'lastIntactTime'>,
  { dropped, whyLost }: { readonly dropped: readonly string[]; readonly whyLost: string | undefined },
): IndexDamaged {
  const ranges = missing.map(([first, last]) => (first === last ? first : `${first}..${last}`)).join(', ');
  const said = dropped.length === 0 ? '' : `; the database said: ${dropped.join('; ')}`;
  const why = whyLost === undefined ? '' : `: ${whyLost}`;
  return new IndexDamaged(`the index lost commits ${ranges}${why}${said}`, known);
}
