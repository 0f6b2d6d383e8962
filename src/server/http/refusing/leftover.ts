/**
 * What a client goes on sending of a body after it was answered. Most clients look for an answer when they have sent
 * everything; of a connection that is closed before, they see the reset alone. So it is read, and dropped, while it comes,
 * within bounds.
 */
import { type After, afterRealTime } from '../../../api/timer.ts';
import { noteMessage } from '../../young-collector.ts';

/** As much as an artifact may have if nothing else is set. */
const bytesMax = 5 * 1024 ** 3;
/** How long in all, and without anything that comes, in milliseconds. */
const durationMs = 5 * 60_000;
const idleMs = 10_000;
/** The same when the service stops. */
const hurried = { durationMs: 2_000, idleMs: 100 };
/** How often it is looked at, at most. */
const lookMs = 1_000;

/** What is used of a request. It is counted on its connection, since Node reads what nobody asks for by itself. */
interface Sender {
  readonly complete: boolean;
  readonly socket: { readonly bytesRead: number };
  resume(): unknown;
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  off(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  off(event: 'end' | 'close', listener: () => void): unknown;
}

/** The rest of one body. */
export class Leftover {
  private readonly request: Sender;
  private readonly ended: (isWhole: boolean) => void;
  private readonly after: After;
  private readonly firstBytes: number;
  private seenBytes: number;
  private silentMs = 0;
  private leftMs = durationMs;
  private idleMs = idleMs;
  private cancel: () => void;
  private readonly onEnd = () => this.end();

  /** @param ended called once: when all has come, the client has gone, or it has been enough. */
  constructor(request: Sender, ended: (isWhole: boolean) => void, after: After = afterRealTime) {
    this.request = request;
    this.ended = ended;
    this.after = after;
    this.firstBytes = request.socket.bytesRead;
    this.seenBytes = this.firstBytes;
    // Also when a handler stops reading that has begun to.
    request.on('data', drop);
    request.on('end', this.onEnd);
    request.on('close', this.onEnd);
    request.resume();
    this.cancel = () => undefined;
    this.schedule();
  }

  /** Waits no longer than a service may that stops. */
  hurry(): void {
    this.leftMs = Math.min(this.leftMs, hurried.durationMs);
    this.idleMs = hurried.idleMs;
    this.silentMs = 0;
    this.cancel();
    this.schedule();
  }

  private schedule(): void {
    const ms = Math.min(lookMs, this.idleMs);
    this.cancel = this.after(ms, () => this.look(ms));
  }

  private look(ms: number): void {
    const { bytesRead } = this.request.socket;
    this.silentMs = bytesRead === this.seenBytes ? this.silentMs + ms : 0;
    this.seenBytes = bytesRead;
    this.leftMs -= ms;
    const isEnough =
      this.leftMs <= 0 || this.silentMs >= this.idleMs || bytesRead - this.firstBytes > bytesMax;
    if (isEnough) this.end();
    else this.schedule();
  }

  private end(): void {
    this.cancel();
    this.request.off('data', drop);
    this.request.off('end', this.onEnd);
    this.request.off('close', this.onEnd);
    this.ended(this.request.complete);
  }
}

function drop(bytes: Uint8Array): void {
  noteMessage(bytes.length);
}
