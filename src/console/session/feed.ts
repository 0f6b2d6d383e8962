/** A session as it happens: its record and its events, read once and then followed. */
import { signal } from '@preact/signals';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { type Session, SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import type { WatchSessionResponse } from '../../../gen/artifacta/v1/watch_pb.ts';
import { millis } from '../base/format.ts';
import { pause } from '../base/timer.ts';
import { sessions } from '../calls/clients.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { type FeedRow, failureIn, keptRowsMax, Rows } from './rows.ts';

/** `live`: events appear as they happen. `lost`: the service does not answer; it is asked again. */
export type FeedState = 'connecting' | 'live' | 'lost' | 'ended';

/** How often what is shown follows the events, in milliseconds: seldom enough for a burst of thousands. */
const drawMs = 120;
/** Waits before the service is asked again, in milliseconds; the last one repeats. */
const waits = [150, 300, 600];
/** Heartbeats come every 15 seconds: after this time without a message, the connection counts as broken. */
const silenceMs = 40_000;

/** One session, followed until it is sealed or the feed is disposed of. */
export class Feed implements Disposable {
  readonly rows = signal<readonly FeedRow[]>([]);
  readonly session = signal<Session | undefined>(undefined);
  readonly state = signal<FeedState>('connecting');
  readonly failure = signal<Failure | undefined>(undefined);
  /** The number of earlier events that are not in memory. */
  readonly earlier = signal(0);
  private readonly id: string;
  private readonly kept = new Rows();
  private readonly ended = new AbortController();
  private lastSequence = 0;
  private first = 0;
  private isDrawDue = false;

  constructor(id: string) {
    this.id = id;
    void this.run();
  }

  [Symbol.dispose](): void {
    this.ended.abort();
  }

  /** Reads the record of the session again. */
  async refresh(): Promise<void> {
    const { session } = await sessions.getSession({ session: this.id }, { signal: this.ended.signal });
    if (session !== undefined) this.session.value = session;
  }

  private async run(): Promise<void> {
    const { signal: over } = this.ended;
    for (let failures = 0; !over.aborted; ) {
      const before = this.lastSequence;
      const hasEnded = await this.follow();
      if (hasEnded) return;
      failures = this.lastSequence > before ? 0 : failures + 1;
      await pause(waits[Math.min(failures, waits.length - 1)]!, over);
    }
  }

  /** Follows until the stream ends. Returns true if no further stream is of use. */
  private async follow(): Promise<boolean> {
    const connection = new AbortController();
    const stop = () => connection.abort();
    this.ended.signal.addEventListener('abort', stop, { once: true });
    try {
      await this.refresh();
      this.begin();
      const request = { session: this.id, afterSequence: BigInt(this.lastSequence) };
      const events = sessions.watchSession(request, { signal: connection.signal });
      await this.take(events, stop);
      return this.end();
    } catch (error) {
      if (this.ended.signal.aborted) return true;
      const failure = failureOf(error);
      const isLost = failure.isPassing || isCancelled(error);
      this.failure.value = isCancelled(error) ? undefined : failure;
      this.state.value = isLost ? 'lost' : 'ended';
      return !isLost;
    } finally {
      this.ended.signal.removeEventListener('abort', stop);
    }
  }

  /** Decides from which event on a long feed is read. */
  private begin(): void {
    if (this.lastSequence > 0) return;
    const last = Number(this.session.peek()?.lastSequence ?? 0n);
    this.first = Math.max(0, last - keptRowsMax);
    this.lastSequence = this.first;
    this.earlier.value = this.first;
  }

  private async take(events: AsyncIterable<WatchSessionResponse>, stop: () => void): Promise<void> {
    const silence = new Silence(stop, this.ended.signal);
    try {
      for await (const event of events) {
        silence.broken();
        if (this.state.peek() !== 'live') {
          this.state.value = 'live';
          this.failure.value = undefined;
        }
        this.note(event);
      }
    } finally {
      silence.over();
      this.draw();
    }
  }

  private note({ sequence, time, event }: WatchSessionResponse): void {
    const at = { sequence: Number(sequence), time: millis(time) ?? Number.NaN };
    this.lastSequence = Math.max(this.lastSequence, at.sequence);
    switch (event.case) {
      case 'committed':
        this.kept.add({ ...at, artifact: keptPart(event.value), deletedId: '' });
        break;
      case 'deleted':
        this.kept.add({ ...at, artifact: undefined, deletedId: event.value.artifactId });
        break;
      case 'sealed':
        this.session.value = event.value;
        break;
      default:
        return;
    }
    void this.drawSoon();
  }

  /** Shows what came, and what the record says of it, once for all events of a moment. */
  private async drawSoon(): Promise<void> {
    if (this.isDrawDue) return;
    this.isDrawDue = true;
    await pause(drawMs, this.ended.signal);
    this.isDrawDue = false;
    this.draw();
    // Counts and the lease are in the record alone.
    if (this.state.peek() === 'live' && this.session.peek()?.state === SessionState.OPEN) this.refreshSoon();
  }

  private isRefreshDue = false;

  private refreshSoon(): void {
    if (this.isRefreshDue) return;
    this.isRefreshDue = true;
    const refresh = async () => {
      await pause(1_000, this.ended.signal);
      this.isRefreshDue = false;
      await this.refresh();
    };
    // A service that has gone is noticed by the stream.
    refresh().catch(() => undefined);
  }

  private draw(): void {
    this.rows.value = [...this.kept.all];
    this.earlier.value = this.first + this.kept.dropped;
  }

  /** The stream ended well: only after the seal. */
  private end(): boolean {
    this.state.value = 'ended';
    return true;
  }
}

/** Notices that nothing came for a while. */
class Silence {
  private heard = Date.now();
  private isOver = false;

  constructor(stop: () => void, ended: AbortSignal) {
    const watch = async () => {
      while (!this.isOver && !ended.aborted) {
        await pause(5_000, ended);
        if (!this.isOver && Date.now() - this.heard > silenceMs) return stop();
      }
    };
    void watch();
  }

  broken(): void {
    this.heard = Date.now();
  }

  over(): void {
    this.isOver = true;
  }
}

function keptPart(artifact: Artifact): FeedRow['artifact'] {
  const { id, name, version, sizeBytes, contentType, metadata, labels, hold } = artifact;
  return {
    id,
    name,
    version: Number(version),
    bytes: Number(sizeBytes),
    contentType,
    agent: metadata.agent ?? '',
    isOnHold: hold,
    failed: failureIn(labels, metadata),
  };
}
