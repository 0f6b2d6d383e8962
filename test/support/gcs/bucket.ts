/** The objects of buckets, with the rules of the service: generations, preconditions, uploads in pieces. No network. */
import { randomBytes } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';

export interface FakeObject {
  readonly name: string;
  readonly generation: string;
  readonly bytes: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly timeCreated: string;
  readonly crc32c: string;
}

/** The time for which an upload in pieces can be continued. */
const sessionMsMax = 7 * 86_400_000;

interface Session {
  readonly bucket: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ifGenerationMatch: string | undefined;
  /** The size that was stated at the begin. */
  readonly sizeBytes: number | undefined;
  readonly beginTime: number;
  parts: Buffer[];
  length: number;
  /** The object, when the upload is complete. */
  done: FakeObject | undefined;
}

/** A refusal with the status and reason of the service. */
export class Refused extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message = reason) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Buckets in memory. */
export class FakeBuckets {
  readonly buckets = new Map<string, Map<string, FakeObject>>();
  readonly sessions = new Map<string, Session>();
  /** True: nothing may be deleted or overwritten, as under a retention policy. */
  isLocked = false;
  /** True: what is overwritten, or deleted without a generation, stays as an old version. */
  isVersioned = false;
  /** The settings of the buckets; undefined: the account may not read them. */
  settings: object | undefined;
  /** Old versions, by bucket, name and generation. */
  readonly old = new Map<string, FakeObject>();
  /** The time of new objects, in milliseconds since the Unix epoch. */
  now: () => number = Date.now;
  private lastGeneration = 1_700_000_000_000_000n;

  bucket(name: string): Map<string, FakeObject> {
    const found = this.buckets.get(name);
    if (found === undefined) throw new Refused(404, 'notFound', 'The specified bucket does not exist.');
    return found;
  }

  /** `ifGenerationMatch` 0: only if no object has the name. */
  put(
    bucket: string,
    object: {
      readonly name: string;
      readonly bytes: Buffer;
      readonly metadata?: Readonly<Record<string, string>>;
    },
    conditions: {
      readonly ifGenerationMatch?: string | undefined;
      readonly crc32c?: string | undefined;
    } = {},
  ): FakeObject {
    const objects = this.bucket(bucket);
    const { ifGenerationMatch } = conditions;
    if (
      ifGenerationMatch !== undefined &&
      (objects.get(object.name)?.generation ?? '0') !== ifGenerationMatch
    )
      throw new Refused(412, 'conditionNotMet');
    const computed = crcOf(object.bytes);
    if (conditions.crc32c !== undefined && conditions.crc32c !== computed)
      throw new Refused(
        400,
        'invalid',
        `Provided CRC32C "${conditions.crc32c}" does not match "${computed}"`,
      );
    if (this.isLocked && objects.has(object.name)) throw new Refused(403, 'retentionPolicyNotMet');
    const { name, bytes, metadata = {} } = object;
    const generation = String(++this.lastGeneration);
    const made = {
      name,
      bytes,
      metadata,
      generation,
      timeCreated: new Date(this.now()).toISOString(),
      crc32c: computed,
    };
    this.keepOld(bucket, objects.get(name));
    objects.set(name, made);
    return made;
  }

  private keepOld(bucket: string, object: FakeObject | undefined): void {
    if (this.isVersioned && object !== undefined)
      this.old.set(`${bucket} ${object.name} ${object.generation}`, object);
  }

  get(bucket: string, name: string, generation?: string | undefined): FakeObject {
    const live = this.bucket(bucket).get(name);
    const isLive = generation === undefined || generation === live?.generation;
    const found = isLive ? live : this.old.get(`${bucket} ${name} ${generation}`);
    if (found === undefined) throw new Refused(404, 'notFound', `No such object: ${bucket}/${name}`);
    return found;
  }

  delete(
    bucket: string,
    name: string,
    {
      generation,
      ifGenerationMatch,
    }: { generation?: string | undefined; ifGenerationMatch?: string | undefined },
  ): void {
    const found = this.get(bucket, name, generation);
    if (ifGenerationMatch !== undefined && ifGenerationMatch !== found.generation)
      throw new Refused(412, 'conditionNotMet');
    if (this.isLocked)
      throw new Refused(403, 'retentionPolicyNotMet', 'the object is under a retention policy');
    if (generation === undefined) this.keepOld(bucket, found);
    this.old.delete(`${bucket} ${name} ${generation}`);
    if (this.bucket(bucket).get(name) === found) this.bucket(bucket).delete(name);
  }

  list(bucket: string, prefix: string, most: number, after: string | undefined) {
    const names = [...this.bucket(bucket).keys()].filter((name) => name.startsWith(prefix)).sort();
    const from = after === undefined ? names : names.filter((name) => name > after);
    const page = from.slice(0, most);
    const objects = page.map((name) => this.get(bucket, name));
    return { items: objects, next: from.length > page.length ? page.at(-1) : undefined };
  }

  begin(session: Pick<Session, 'bucket' | 'name' | 'metadata' | 'ifGenerationMatch' | 'sizeBytes'>): string {
    if (session.ifGenerationMatch === '0' && this.bucket(session.bucket).has(session.name))
      throw new Refused(412, 'conditionNotMet');
    const id = randomBytes(12).toString('hex');
    this.sessions.set(id, { ...session, beginTime: this.now(), parts: [], length: 0, done: undefined });
    return id;
  }

  session(id: string): Session {
    const found = this.sessions.get(id);
    if (found === undefined) throw new Refused(404, 'notFound', 'the upload does not exist');
    if (this.now() - found.beginTime > sessionMsMax) throw new Refused(410, 'gone', 'the upload has ended');
    return found;
  }

  /**
   * Takes bytes at an offset; those that it has already are ignored. @returns the object, if they were the last.
   *
   * @param total undefined: more will come.
   */
  append(session: Session, offset: number, bytes: Buffer, total: number | undefined): FakeObject | undefined {
    if (session.done !== undefined) return session.done;
    if (total !== undefined && session.sizeBytes !== undefined && total !== session.sizeBytes)
      throw new Refused(400, 'invalid', 'the size is not the one that was stated at the begin');
    if (offset > session.length) throw new Refused(400, 'invalid', 'bytes are missing before this piece');
    if (total === undefined && bytes.length % (256 * 1024) !== 0)
      throw new Refused(400, 'invalid', 'a piece must have a multiple of 256 KiB');
    const fresh = bytes.subarray(session.length - offset);
    session.parts.push(fresh);
    session.length += fresh.length;
    if (total === undefined || session.length < total) return undefined;
    const { bucket, name, metadata, ifGenerationMatch, parts } = session;
    session.done = this.put(bucket, { name, metadata, bytes: Buffer.concat(parts) }, { ifGenerationMatch });
    session.parts = [];
    return session.done;
  }
}

function crcOf(bytes: Buffer): string {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(bytes.length === 0 ? 0 : crc32c(bytes));
  return four.toString('base64');
}
