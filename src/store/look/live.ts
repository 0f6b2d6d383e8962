/** Decides which artifacts exist for a caller, from their records and those of their sessions. */
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import { type Principal, seesArtifact } from '../../domain/principal.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord } from '../../index/records.ts';
import { asOf, isThere, type SessionNow } from '../rows/session-life.ts';

/** Records can be large: callers read at most this many together. */
export const recordsReadTogether = 32;

/** An artifact that exists for the caller. */
interface LiveRecord {
  readonly record: ArtifactRecord;
  /** The size of the record as it is stored. */
  readonly bytes: number;
  /** The session as it is now; undefined if it is lost. */
  readonly session: SessionNow | undefined;
}

/** The sessions that a call meets, each read once. */
export class SessionsNow {
  private readonly reader: Pick<Reader, 'getMany'>;
  private readonly ns: string;
  private readonly now: number;
  private readonly known = new Map<SessionUid, SessionNow | undefined>();

  /** @param now milliseconds since the Unix epoch. */
  constructor(reader: Pick<Reader, 'getMany'>, ns: string, now: number) {
    this.reader = reader;
    this.ns = ns;
    this.now = now;
  }

  /** Reads the sessions of some artifacts. Returns the number of those that were not known yet. */
  async read(records: readonly (ArtifactRecord | undefined)[]): Promise<number> {
    const missing = new Set<SessionUid>();
    for (const record of records)
      if (record !== undefined && !this.known.has(record.uid)) missing.add(record.uid);
    if (missing.size === 0) return 0;
    const unknown = [...missing];
    const values = await this.reader.getMany(unknown.map((uid) => keys.sessions.record.key(this.ns, uid)));
    for (let at = 0; at < unknown.length; at++) {
      const value = values[at];
      this.known.set(unknown[at]!, value && asOf(keys.sessions.record.decode(value), this.now));
    }
    return unknown.length;
  }

  /** Returns a session that was read; undefined if its record is lost. */
  of({ uid }: ArtifactRecord): SessionNow | undefined {
    return this.known.get(uid);
  }

  /**
   * Takes an artifact whose session was read. Returns true if neither was deleted and the artifact's expiry has not
   * come.
   */
  isThere(record: ArtifactRecord): boolean {
    return isThere(record, this.of(record), this.now);
  }
}

/**
 * Returns one record for each id. Undefined for an artifact that is deleted, has expired at `now`, or may not exist for
 * the principal; these cases look the same.
 */
export async function readLive(
  reader: Pick<Reader, 'getMany'>,
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
  await known.read(found.map((one) => one?.record));
  return found.map((one) =>
    one !== undefined && known.isThere(one.record) ? { ...one, session: known.of(one.record) } : undefined,
  );
}
