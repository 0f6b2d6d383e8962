/** Whether artifacts match a filter: the last word, from their records. */
import type { Artifact } from '../domain/artifact.ts';
import { effectiveExpiry } from '../domain/expiry.ts';
import type { SessionUid } from '../domain/ids.ts';
import type { Principal } from '../domain/principal.ts';
import type { Reader } from '../index/door.ts';
import { artifacts, sessions } from '../index/keys.ts';
import type { ArtifactRecord, SessionRecord } from '../index/records.ts';
import type { Budget } from '../query/budget.ts';
import { type Condition, type Field, matches, mentions } from '../query/condition.ts';
import type { Found } from '../query/run.ts';
import { toArtifact } from './artifact-rows.ts';
import { isShown } from './live.ts';

/** What decides whether an artifact is shown. */
export interface Matching {
  readonly by: Principal;
  readonly condition: Condition | undefined;
  /** Milliseconds since the Unix epoch: what has expired by then is not shown. */
  readonly now: number;
  readonly budget: Budget;
  /** What each takes up beside its record. */
  readonly addedBytes: number;
}

const sessionFields = new Set(['session.state', 'session.outcome']);

/** Reads records and keeps those that are live, may be seen and match. */
export class ArtifactMatches {
  private readonly reader: Reader;
  private readonly matching: Matching;
  private readonly needsSessions: boolean;
  private readonly sessions = new Map<SessionUid, SessionRecord | undefined>();

  constructor(reader: Reader, matching: Matching) {
    this.reader = reader;
    this.matching = matching;
    this.needsSessions = matching.condition !== undefined && mentions(matching.condition, sessionFields);
  }

  /** One for each key of a record; undefined where nothing is to be shown. */
  async records(keys: readonly Uint8Array[]): Promise<(Found<ArtifactRecord> | undefined)[]> {
    const { by, condition, now, budget, addedBytes } = this.matching;
    budget.records += keys.length;
    const values = await this.reader.getMany(keys);
    const visible = values.map((value): Found<ArtifactRecord> | undefined => {
      const record = value && artifacts.record.decode(value);
      return record !== undefined && isShown(record, by, now)
        ? { item: record, bytes: value!.length + addedBytes }
        : undefined;
    });
    if (condition === undefined) return visible;
    if (this.needsSessions) await this.readSessions(visible);
    return visible.map((found) =>
      found !== undefined && matches(condition, (field) => this.fieldOf(found.item, field))
        ? found
        : undefined,
    );
  }

  /** As {@link records}, of latest versions. */
  async latest(keys: readonly Uint8Array[]): Promise<(Found<Artifact> | undefined)[]> {
    const found = await this.records(keys);
    return found.map((one) => one && { item: toArtifact(one.item, true), bytes: one.bytes });
  }

  private async readSessions(found: readonly (Found<ArtifactRecord> | undefined)[]): Promise<void> {
    const wanted = new Set(found.flatMap((one) => (one === undefined ? [] : [one.item.uid])));
    const unknown = [...wanted].filter((uid) => !this.sessions.has(uid));
    this.matching.budget.records += unknown.length;
    const { namespace } = this.matching.by;
    const values = await this.reader.getMany(unknown.map((uid) => sessions.record.key(namespace, uid)));
    for (const [at, uid] of unknown.entries())
      this.sessions.set(uid, values[at] && sessions.record.decode(values[at]));
  }

  private fieldOf(record: ArtifactRecord, field: Field): string | number | undefined {
    switch (field.name) {
      case 'session':
        return record.session;
      case 'name':
        return record.name;
      case 'content_type':
        return record.contentType;
      case 'sha256':
        return record.sha256;
      case 'size_bytes':
        return record.size;
      case 'create_time':
        return record.createTime;
      case 'expire_time':
        return effectiveExpiry(record).expireTime;
      case 'session.state':
        return this.sessions.get(record.uid)?.state.toUpperCase();
      case 'session.outcome':
        return this.sessions.get(record.uid)?.outcome?.toUpperCase();
      case 'metadata':
      case 'labels':
        return record[field.name].find(([key]) => key === field.key)?.[1];
      default:
        return undefined;
    }
  }
}
