/**
 * The sessions of a store and what is in them, as records: drawn from the seed, one session at a time and each by
 * itself, so that a store of any size can be gone over again and again without being kept in memory.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Sha256 } from '../../src/domain/digest.ts';
import { artifactId, type SessionUid, sessionUid } from '../../src/domain/ids.ts';
import { inheritPairs, type Pairs } from '../../src/domain/metadata.ts';
import type { ArtifactRecord } from '../../src/index/records.ts';
import { Random } from './random.ts';
import * as shape from './shape.ts';

/** Which store. */
export interface StoreSpec {
  /** About so many artifacts are live: the latest version of their name and not expired. */
  readonly live: number;
  readonly seed: number;
}

interface Content {
  readonly sha256: Sha256;
  readonly bytes: Uint8Array;
}

export interface GeneratedSession {
  readonly id: string;
  /** The bytes of its uid. */
  readonly uidBytes: Uint8Array;
  readonly createTime: number;
  readonly metadata: Pairs;
  /** In the order of the feed. */
  readonly artifacts: readonly GeneratedArtifact[];
}

export interface GeneratedArtifact {
  readonly record: ArtifactRecord;
  readonly isLatest: boolean;
}

/** Where in time a session is, how large, and whose. */
interface Slot {
  readonly name: string;
  readonly startMs: number;
  readonly artifacts: number;
  readonly steadyAgent?: string;
}

/** A store that can be gone over. */
export class StoreGenerator {
  readonly contents: readonly Content[];
  private readonly spec: StoreSpec;
  /** How many artifacts come before a session that is not steady; one more than there are such sessions. */
  private readonly before: Uint32Array;

  constructor(spec: StoreSpec) {
    this.spec = spec;
    this.contents = contentsOf(spec.seed);
    this.before = sizesOf(spec);
  }

  /** Every session, the same in every pass; those that are not steady oldest first. */
  *sessions(): Generator<GeneratedSession> {
    for (const slot of this.slots()) yield this.session(slot);
  }

  private *slots(): Generator<Slot> {
    const { before } = this;
    const sessions = before.length - 1;
    const from = shape.anchorMs - shape.spanMs;
    const room = shape.spanMs - shape.settleMs;
    for (let at = 0; at < sessions; at++)
      yield {
        name: `run_${String(at).padStart(8, '0')}`,
        startMs: Math.floor(from + (room * before[at]!) / before[sessions]!),
        artifacts: before[at + 1]! - before[at]!,
      };
    for (const [number, steadyAgent] of shape.steadyAgents.entries())
      for (let at = 0; at < shape.steady.sessions; at++) {
        const artifacts = shape.steady.artifactsPerSession;
        // They take turns.
        const turn = (number / shape.steadyAgents.length) * shape.steady.stepMs;
        const startMs = shape.anchorMs - shape.recentMs + at * artifacts * shape.steady.stepMs + turn;
        yield { name: `${steadyAgent}_${at}`, startMs, artifacts, steadyAgent };
      }
  }

  private session(slot: Slot): GeneratedSession {
    const random = new Random(this.spec.seed, slot.name);
    const uidBytes = uuid(slot.startMs, random);
    const metadata: Pairs = [
      ['agent', slot.steadyAgent ?? agentOf(slot, random)],
      ['model', shape.models.draw(random)],
      ['pipeline', shape.pipelines.draw(random)],
    ];
    const artifacts = new SessionDrawing(slot, sessionUid(uidBytes), metadata, this.contents, random).all();
    return { id: slot.name, uidBytes, createTime: slot.startMs, metadata, artifacts };
  }
}

/** Of what is recent, the steady agents have what is theirs and no more. */
function agentOf({ startMs }: Slot, random: Random): string {
  for (;;) {
    const agent = shape.agents.draw(random);
    const isSteady = (shape.steadyAgents as readonly string[]).includes(agent);
    if (!isSteady || startMs < shape.anchorMs - shape.recentMs - shape.settleMs) return agent;
  }
}

/** Draws the artifacts of one session. */
class SessionDrawing {
  private readonly slot: Slot;
  private readonly uid: SessionUid;
  private readonly inheritable: Pairs;
  private readonly contents: readonly Content[];
  private readonly random: Random;
  private readonly drawn: { record: ArtifactRecord; isLatest: boolean }[] = [];
  private timeMs: number;

  constructor(slot: Slot, uid: SessionUid, inheritable: Pairs, contents: readonly Content[], random: Random) {
    this.slot = slot;
    this.uid = uid;
    this.inheritable = inheritable;
    this.contents = contents;
    this.random = random;
    this.timeMs = slot.startMs;
  }

  all(): readonly GeneratedArtifact[] {
    for (let at = 0; at < this.slot.artifacts; at++) {
      this.timeMs += this.slot.steadyAgent ? shape.steady.stepMs : 100 + this.random.below(40_000);
      const supersedes = at > 0 && this.draws(shape.shares.supersedes);
      const candidate = supersedes ? this.drawn[this.random.below(at)] : undefined;
      const earlier = candidate?.isLatest ? candidate : undefined;
      this.drawn.push({ record: this.record(at, earlier?.record), isLatest: true });
      if (earlier !== undefined) earlier.isLatest = false;
    }
    return this.drawn;
  }

  /** In the sessions of steady agents only what all artifacts have. */
  private draws(share: number): boolean {
    return this.random.unit() < share && this.slot.steadyAgent === undefined;
  }

  private record(at: number, earlier: ArtifactRecord | undefined): ArtifactRecord {
    const { random, slot, timeMs: createTime } = this;
    const content = random.pick(this.contents);
    const marks = this.marks();
    const own: Pairs = [...marks, ['stage', random.pick(shape.stages)] as const].sort(byKey);
    const { pairs, inherited } = inheritPairs(own, this.inheritable);
    const expireTime = this.expireTime(marks.some(([, value]) => value === shape.marks.scratch.value));
    const input = at > 0 && this.draws(shape.shares.input) ? [this.drawn[random.below(at)]!.record.id] : [];
    return {
      id: artifactId(uuid(createTime, random)),
      uid: this.uid,
      session: slot.name,
      ...(earlier === undefined
        ? { ...this.nameAndType(at), version: 1 }
        : { name: earlier.name, contentType: earlier.contentType, version: earlier.version + 1 }),
      sha256: content.sha256,
      size: content.bytes.length,
      metadata: pairs,
      inherited,
      labels: this.draws(shape.shares.label) ? [['reviewed', random.pick(['no', 'yes'])]] : [],
      inputs: input,
      createTime,
      feed: at + 1,
      ...(expireTime === undefined ? {} : { expireTime }),
      hold: this.draws(shape.shares.hold),
      revision: 1,
    };
  }

  private nameAndType(at: number): Pick<ArtifactRecord, 'name' | 'contentType'> {
    const drawn = shape.types.draw(this.random);
    const isJson = this.slot.steadyAgent !== undefined && at % 5 < shape.steady.jsonOfFive;
    const isOther = this.slot.steadyAgent !== undefined && !isJson && drawn === jsonType;
    const { type, stems, extension } = isJson ? jsonType : isOther ? textType : drawn;
    const stem = this.random.pick(stems);
    const step = String(at).padStart(3, '0');
    const name =
      this.random.unit() < 0.5 ? `steps/${step}/${stem}.${extension}` : `${stem}-${step}.${extension}`;
    return { name, contentType: type };
  }

  private marks(): (readonly [string, string])[] {
    const { seldom, outage, spring, north, gold, scratch } = shape.marks;
    const isOutage = this.draws(outage.share);
    const side = this.random.unit();
    const isSteady = this.slot.steadyAgent !== undefined;
    const isNorth = isOutage || (side < north.share && !isSteady);
    const has = [
      ...(isOutage ? [outage] : this.draws(seldom.share) ? [seldom] : []),
      ...(this.draws(spring.share) || isOutage ? [spring] : []),
      ...(isNorth ? [north] : side > 1 - gold.share && !isSteady ? [gold] : []),
      ...(this.draws(scratch.share) ? [scratch] : []),
    ];
    return has.map(({ key, value }) => [key, value] as const);
  }

  private expireTime(isScratch: boolean): number | undefined {
    const { timeMs, random } = this;
    if (isScratch) {
      const since = shape.anchorMs - shape.spanMs * shape.scratchExpiredShare;
      return timeMs > since ? timeMs + 1_000 : undefined;
    }
    if (!this.draws(shape.shares.expiry)) return undefined;
    const hasPassed = random.unit() < 0.5;
    const left = shape.anchorMs - timeMs;
    return hasPassed ? timeMs + 1 + random.below(left) : shape.anchorMs + farAwayMs + random.below(farAwayMs);
  }
}

/** Nothing else expires while a store is kept. */
const farAwayMs = 100 * 365 * 86_400_000;

const jsonType = shape.types.values[0]!;
const textType = shape.types.values[2]!;

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

/** A UUIDv7 of that millisecond. */
function uuid(timeMs: number, random: Random): Uint8Array {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(timeMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | (random.bits() & 0xfff), 6);
  bytes.writeUInt32BE(((random.bits() & 0x3fffffff) | 0x80000000) >>> 0, 8);
  bytes.writeUInt32BE(random.bits(), 12);
  return bytes;
}

/** Running totals of the sizes of the sessions, until there are as many artifacts as the store needs. */
function sizesOf({ live, seed }: StoreSpec): Uint32Array {
  const { sessions, artifactsPerSession } = shape.steady;
  const steady = shape.steadyAgents.length * sessions * artifactsPerSession;
  const wanted = Math.round((live - steady) / shape.liveShare);
  if (wanted < steady) throw new RangeError(`a store of ${live} artifacts would be too small`);
  const random = new Random(seed, 'sizes');
  const { from, to } = shape.sessionArtifacts;
  const before = [0];
  for (let sum = 0; sum < wanted; before.push(sum))
    sum = Math.min(wanted, sum + from + Math.floor((to - from) * random.unit() ** 3));
  return Uint32Array.from(before);
}

function contentsOf(seed: number): Content[] {
  const random = new Random(seed, 'contents');
  return Array.from({ length: shape.contentCount }, (_, at) => {
    const words = Array.from({ length: 5 + random.below(400) }, () => random.bits().toString(36));
    const bytes = Buffer.from(JSON.stringify({ content: at, words: words.join(' ') }));
    return { sha256: createHash('sha256').update(bytes).digest('hex') as Sha256, bytes };
  });
}
