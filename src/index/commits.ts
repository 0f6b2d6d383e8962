/**
 * The ring of commit rows. Every batch writes one, numbered without gaps, so that a batch which vanished in the middle
 * shows as a gap and one which vanished at the end shows against the high-water mark.
 */
import { Failure } from '../domain/errors.ts';
import type { Database } from './database.ts';
import type { Write } from './door.ts';
import { store } from './keys.ts';
import type { CommitRecord } from './records.ts';
import { decodeRow } from './stored-row.ts';

export const ringSlots = 1_024;

const slotKeys = Array.from({ length: ringSlots }, (_, slot) => store.commit.key(slot));

export function commitWrite(commit: CommitRecord): Write {
  return store.commit.put([commit.seq % ringSlots], commit);
}

/**
 * The newest commit; number 0 if there is none. Fails with `DATA_LOSS` and says which are missing, unless the newest
 * commits are all there as far as the ring goes back, and the newest is at least `atLeast`.
 */
export async function checkCommits(database: Database, atLeast: number): Promise<CommitRecord> {
  const commits = await readRing(database);
  let newest: CommitRecord = { seq: 0, epoch: 0, time: 0 };
  for (const commit of commits) if (commit !== undefined && commit.seq > newest.seq) newest = commit;
  const missing: [first: number, last: number][] = [];
  for (let seq = Math.max(1, newest.seq - ringSlots + 1); seq <= newest.seq; seq++) {
    if (commits[seq % ringSlots]?.seq === seq) continue;
    const range = missing.at(-1);
    if (range?.[1] === seq - 1) range[1] = seq;
    else missing.push([seq, seq]);
  }
  if (newest.seq < atLeast) missing.push([newest.seq + 1, atLeast]);
  if (missing.length > 0) throw lost(missing, database.dropped);
  return newest;
}

async function readRing(database: Database): Promise<(CommitRecord | undefined)[]> {
  const stored = await database.getMany(slotKeys);
  return stored.map((row, slot) => {
    if (row === undefined) return undefined;
    const key = slotKeys[slot]!;
    return store.commit.decode(decodeRow(key, row));
  });
}

function lost(missing: readonly (readonly [number, number])[], dropped: readonly string[]): Failure {
  const ranges = missing.map(([first, last]) => `${first}..${last}`).join(', ');
  const said = dropped.length === 0 ? '' : `; the database said: ${dropped.join('; ')}`;
  return new Failure('DATA_LOSS', `the index lost commits ${ranges}${said}`, {
    metadata: { commits: ranges },
  });
}
