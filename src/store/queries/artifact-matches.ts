/** Decides finally, from their records, whether artifacts match a filter. */
import type { Artifact } from '../../domain/artifact.ts';
import { mediaTypeOf, withParameters } from '../../domain/content-type.ts';
import { effectiveExpiry } from '../../domain/expiry.ts';
import type { Budget } from '../../domain/load/budget.ts';
import { valueIn } from '../../domain/metadata.ts';
import { type Principal, seesArtifact } from '../../domain/principal.ts';
import type { CachedReader, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord } from '../../index/records.ts';
import { asksForParameters, type Condition, type Field, matcher, type Test } from '../../query/condition.ts';
import type { Found } from '../../query/search.ts';
import { SessionsNow } from '../look/live.ts';
import { toArtifact } from '../rows/artifact-rows.ts';

/** The conditions for showing an artifact. */
interface Matching {
  readonly by: Principal;
  readonly condition: Condition | undefined;
  /** Milliseconds since the Unix epoch: artifacts that have expired by then are not shown. */
  readonly now: number;
  readonly budget: Budget;
  /** The size that each item has in addition to its record. */
  readonly addedBytes: number;
}

/** Reads records and keeps those that are live, may be seen and match. */
export class ArtifactMatches {
  private readonly reader: Pick<Reader, 'getMany'>;
  private readonly matching: Matching;
  private readonly sessions: SessionsNow;
  private readonly meets: (record: ArtifactRecord) => boolean;

  constructor({ cached }: CachedReader, matching: Matching) {
    this.reader = cached;
    this.matching = matching;
    this.sessions = new SessionsNow(cached, matching.by.namespace, matching.now);
    const { condition } = matching;
    this.meets =
      condition === undefined
        ? () => true
        : matcher(condition, (record: ArtifactRecord, field, test) => this.fieldOf(record, field, test));
  }

  /** Returns one item for each key of a record; undefined where nothing is to be shown. */
  async records(wanted: readonly Uint8Array[]): Promise<(Found<ArtifactRecord> | undefined)[]> {
    const { by, budget, addedBytes } = this.matching;
    budget.spend('records', wanted.length);
    const values = await this.reader.getMany(wanted);
    const visible = values.map((value): Found<ArtifactRecord> | undefined => {
      const record = value && keys.artifacts.record.decode(value);
      return record !== undefined && seesArtifact(by, record)
        ? { item: record, bytes: value!.length + addedBytes }
        : undefined;
    });
    budget.spend('records', await this.sessions.read(visible.map((one) => one?.item)));
    return visible.map((found) => (found !== undefined && this.isShown(found.item) ? found : undefined));
  }

  private isShown(record: ArtifactRecord): boolean {
    return this.sessions.isThere(record) && this.meets(record);
  }

  /** Returns the artifact of a found record, as a caller sees it. */
  artifact(record: ArtifactRecord, isLatest: boolean): Artifact {
    return toArtifact(record, isLatest, this.sessions.of(record));
  }

  /** As {@link records}, for latest versions. */
  async latest(wanted: readonly Uint8Array[]): Promise<(Found<Artifact> | undefined)[]> {
    const found = await this.records(wanted);
    return found.map((one) => one && { item: this.artifact(one.item, true), bytes: one.bytes });
  }

  private fieldOf(record: ArtifactRecord, field: Field, test: Test): string | number | undefined {
    switch (field.name) {
      case 'session':
        return record.session;
      case 'name':
        return record.name;
      case 'content_type':
        return (asksForParameters(test) ? withParameters : mediaTypeOf)(record.contentType);
      case 'sha256':
        return record.sha256;
      case 'size_bytes':
        return record.size;
      case 'create_time':
        return record.createTime;
      case 'expire_time':
        return effectiveExpiry(record, this.sessions.of(record)).expireTime;
      case 'session.state':
        return this.sessions.of(record)?.state.toUpperCase();
      case 'session.outcome':
        return this.sessions.of(record)?.outcome?.toUpperCase();
      case 'metadata':
      case 'labels':
        return valueIn(record[field.name], field.key);
      default:
        return undefined;
    }
  }
}
