/** Which artifacts are there for a caller: it takes their records and those of their sessions. */
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import { type Principal, seesArtifact } from '../../domain/principal.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord } from '../../index/records.ts';
import { asOf, isThere, type SessionNow } from '../rows/session-life.ts';

/** Records can be large: callers read no more than this many together. */
export const recordsReadTogether = 32;

/** An artifact that is there for the caller. */
interface LiveRecord {
  readonly record: ArtifactRecord;
  /** Of the record as it is stored. */
  readonly bytes: number;
  /** As it is now; undefined if it is lost. */
  readonly session: SessionNow | undefined;
}

/** The sessions that a call comes across, each read once. */
export class SessionsNow {
  private readonly reader: Reader;
  private readonly ns: string;
  private readonly now: number;
  private readonly known = new Map<SessionUid, SessionNow | undefined>();

  /** @param now milliseconds since the Unix epoch. */
  constructor(reader: Reader, ns: string, now: number) {
    this.reader = reader;
    this.ns = ns;
    this.now = now;
  }

  /** Reads those of some artifacts. Returns how many were not known yet. */
  async read(records: readonly ArtifactRecord[]): Promise<number> {
    const unknown = [...new Set(records.map(({ uid }) => uid))].filter((uid) => !this.known.has(uid));
    if (unknown.length === 0) return 0;
    const values = await this.reader.getMany(unknown.map((uid) => keys.sessions.record.key(this.ns, uid)));
    for (const [at, uid] of unknown.entries()) {
      const value = values[at];
      this.known.set(uid, value && asOf(keys.sessions.record.decode(value), this.now));
    }
    return unknown.length;
  }

  /** One that was read; undefined if its record is lost. */
  of({ uid }: ArtifactRecord): SessionNow | undefined {
    return this.known.get(uid);
  }

  /** Of an artifact whose session was read: neither was deleted, and its expiry has not come. */
  isThere(record: ArtifactRecord): boolean {
    return isThere(record, this.of(record), this.now);
  }
}

/**
 * One for each id; undefined for what is deleted, has expired at `now` or may not exist for the principal, which
 * are not told apart.
 */
export async function readLive(
  reader: Reader,
  by: Principal,
  ids: readonly ArtifactId[],
  now: number,
  known = new SessionsNow(reader, by.namespace, now),
): Promise<(LiveRecord | undefined)[]> {
  const values = await reader.getMany(ids.map((id) => keys.artifacts.record.key(by.namespace, id)));
  const found = values.map((value) => {
    const record = value && keys.artifacts.record.decode(value);
    return record !== undefined && seesArtifact(by, record) ? { record, bytes: value!.length } : undefined;
  });
  await known.read(found.flatMap((one) => (one === undefined ? [] : [one.record])));
  return found.map((one) =>
    one !== undefined && known.isThere(one.record) ? { ...one, session: known.of(one.record) } : undefined,
  );
}
