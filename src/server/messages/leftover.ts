/**
 * The part of a body that a client still sends after the answer. Most clients look for an answer only after they have
 * sent everything; if the connection is closed before, they see only the reset. So the rest is read, and dropped, while
 * it arrives, within limits.
 */
import { type After, afterRealTime } from '../../api/timer.ts';
import { noteMessage } from '../young-collector.ts';

/** As many bytes as an artifact may have by default. */
const bytesMax = 5 * 1024 ** 3;
/** The longest time in all, and the longest time without any bytes, in milliseconds. */
const durationMs = 5 * 60_000;
const idleMs = 10_000;
/** The same times when the service stops. */
const hurried = { durationMs: 2_000, idleMs: 100 };
/** The shortest time between two checks. */
const lookMs = 1_000;

/** The used members of a stream whose bytes come. */
interface Coming {
  resume(): unknown;
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  off(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  off(event: 'end' | 'close', listener: () => void): unknown;
}

/** The client that sends it. */
interface Sender {
  /** Whether everything has arrived. */
  isWhole(): boolean;
  /**
   * The bytes that were read on its connection: Node itself reads bytes that no code asks for. @throws Error if the
   * connection has gone.
   */
  bytesRead(): number;
}

/** The rest of one body. */
export class Leftover {
  private readonly body: Coming;
  private readonly sender: Sender;
  private readonly ended: (isWhole: boolean) => void;
  private readonly after: After;
  private readonly firstBytes: number;
  private seenBytes: number | undefined;
  private silentMs = 0;
  private leftMs = durationMs;
  private idleMs = idleMs;
  private cancel: () => void;
  private readonly onEnd = () => this.end();

  /** @param ended called once: when everything has arrived, the client has gone, or a bound is reached. */
  constructor(body: Coming, sender: Sender, ended: (isWhole: boolean) => void, after: After = afterRealTime) {
    this.body = body;
    this.sender = sender;
    this.ended = ended;
    this.after = after;
    this.firstBytes = this.bytesRead() ?? 0;
    this.seenBytes = this.firstBytes;
    // This also runs after a handler has begun to read and stops.
    body.on('data', drop);
    body.on('end', this.onEnd);
    body.on('close', this.onEnd);
    body.resume();
    this.cancel = () => undefined;
    this.schedule();
  }

  /** Waits no longer than a service that stops may wait. */
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
    const bytesRead = this.bytesRead();
    this.silentMs = bytesRead === this.seenBytes ? this.silentMs + ms : 0;
    this.seenBytes = bytesRead;
    this.leftMs -= ms;
    const isEnough =
      bytesRead === undefined ||
      this.leftMs <= 0 ||
      this.silentMs >= this.idleMs ||
      bytesRead - this.firstBytes > bytesMax;
    if (isEnough) this.end();
    else this.schedule();
  }

  /** Undefined: the connection of HTTP/2 has gone. Its stream may not learn of that; the members of its socket throw. */
  private bytesRead(): number | undefined {
    try {
      return this.sender.bytesRead();
    } catch {
      return undefined;
    }
  }

  private end(): void {
    this.cancel();
    this.body.off('data', drop);
    this.body.off('end', this.onEnd);
    this.body.off('close', this.onEnd);
    this.ended(this.sender.isWhole());
  }
}

function drop(bytes: Uint8Array): void {
  noteMessage(bytes.length);
}
