/** A watch of a session through one replica after another: it gets every event once and in order, and ends with the seal. */
import { setTimeout as delay } from 'node:timers/promises';
import type { WatchSessionResponse } from '../../../gen/artifacta/v1/watch_pb.ts';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import type { Chance } from '../seeded.ts';
import type { History, KnownSession } from './history.ts';
import { isOpen, type Reach } from './reach.ts';
import type { Replica } from './replica.ts';

/** A watch that is silent for so long is made anew, elsewhere: its replica may be paused. */
const silentMs = 2_500;
const pauseMs = 100;

interface Event {
  readonly kind: 'committed' | 'deleted' | 'sealed';
  /** The id of the artifact; the digest of the manifest. */
  readonly about: string;
  readonly witness: string;
}

export class Watcher {
  readonly session: KnownSession;
  readonly events = new Map<number, Event>();
  /** The number of calls. */
  calls = 0;
  private readonly reach: Reach;
  private readonly history: History;
  private readonly chance: Chance;
  private last = 0;
  private lastMs = 0;
  private isOver = false;

  constructor(session: KnownSession, parts: { reach: Reach; history: History; chance: Chance }) {
    this.session = session;
    this.reach = parts.reach;
    this.history = parts.history;
    this.chance = parts.chance;
  }

  /** Resolves when the session was sealed, or `end` has said that it is too late. */
  async run(token: string, end: AbortSignal): Promise<void> {
    let by = this.reach.any();
    while (!this.isOver && !end.aborted) {
      await this.watch(by, token, end);
      by = this.reach.any(by);
      await delay(pauseMs * this.chance.next());
    }
  }

  private async watch(by: Replica, token: string, end: AbortSignal): Promise<void> {
    this.calls++;
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), silentMs);
    const request = { session: this.session.id, afterSequence: BigInt(this.last), waitForOpen: true };
    try {
      const { sessions } = await this.reach.to(by, token);
      const signal = AbortSignal.any([silence.signal, end]);
      for await (const message of sessions.watchSession(request, { signal })) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silentMs);
        this.take(message, by);
      }
      if (!this.isOver) this.fault(by, `the watch after ${this.last} ended without a seal`);
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      if (!isOpen(error))
        this.fault(by, `a watch after ${this.last}: ${error.code} ${error.reason} ${error.message}`);
    } finally {
      clearTimeout(timer);
    }
  }

  private take({ sequence: number, time, event }: WatchSessionResponse, by: Replica): void {
    const sequence = Number(number);
    if (event.case === 'heartbeat' || event.case === undefined) return;
    const witness = this.reach.witness(by);
    if (this.isOver) this.fault(by, `the event ${sequence} came after the seal`);
    if (sequence <= this.last) this.fault(by, `the event ${sequence} came after ${this.last}`);
    // It may not be known.
    const ms = time === undefined ? this.lastMs : Number(time.seconds) * 1_000 + time.nanos / 1e6;
    if (ms < this.lastMs)
      this.fault(by, `the event ${sequence} is ${this.lastMs - ms} ms older than ${this.last}`);
    this.last = Math.max(sequence, this.last);
    this.lastMs = Math.max(ms, this.lastMs);
    const about =
      event.case === 'committed'
        ? event.value.id
        : event.case === 'deleted'
          ? event.value.artifactId
          : (event.value.manifest?.sha256 ?? '');
    this.events.set(sequence, { kind: event.case, about, witness });
    if (event.case === 'sealed') this.isOver = true;
  }

  /** Compares what came with what was acknowledged. The session is sealed, and everything else has ended. */
  check(): void {
    const { session } = this;
    const about = `a watch of ${session.ns} ${session.id}`;
    if (!this.isOver) {
      this.history.fault(`${about} has not ended, ${this.last} was its last event`);
      return;
    }
    const missing = Array.from({ length: this.last }, (_, at) => at + 1).filter((at) => !this.events.has(at));
    if (missing.length > 0) this.history.fault(`${about} got nothing for the numbers ${missing.join()}`);
    const sealed = this.events.get(this.last)!;
    if (sealed.about !== session.manifest)
      this.history.fault(
        `${about} got the manifest ${sealed.about}, not ${session.manifest} (${sealed.witness})`,
      );
    session.sealedAt ??= this.last;
    if (session.sealedAt !== this.last)
      this.history.fault(`${about} got the seal as ${this.last}, another as ${session.sealedAt}`);
    this.checkArtifacts(about);
  }

  private checkArtifacts(about: string): void {
    const deletions = new Map<string, number>();
    for (const { kind, about: id } of this.events.values())
      if (kind === 'deleted') deletions.set(id, (deletions.get(id) ?? 0) + 1);
    for (const { id, push, sequence, fate, witness } of this.session.artifacts) {
      const event = this.events.get(sequence);
      const own = `${id} of push ${push.number} (${witness}), ${sequence} in the feed`;
      if (event === undefined || event.about !== id) {
        this.history.fault(
          `${about} got ${event?.kind ?? 'nothing'} ${event?.about ?? ''} instead of ${own}`,
        );
        continue;
      }
      // What was deleted before its commit was sent is told as deleted twice.
      const wanted = event.kind === 'deleted' ? 2 : 1;
      if (event.kind === 'deleted' && fate !== 'deleted')
        this.history.fault(`${about} got the deletion of ${own}`);
      const got = deletions.get(id) ?? 0;
      const isIn = fate === 'deleted' && this.session.deletedBefore.has(id);
      if ((isIn && got !== wanted) || got > wanted)
        this.history.fault(`${about} got ${got} deletions of ${own}, which is ${fate}`);
    }
    const known = new Set(this.session.artifacts.map(({ id }) => id));
    for (const [sequence, { kind, about: id, witness }] of this.events)
      if (kind !== 'sealed' && !known.has(id))
        this.history.fault(`${about} got ${kind} ${id} as ${sequence} (${witness}), of which nobody knows`);
  }

  private fault(by: Replica, what: string): void {
    this.history.fault(
      `${this.session.ns} ${this.session.id}, watched by ${this.reach.witness(by)}: ${what}`,
    );
  }
}
