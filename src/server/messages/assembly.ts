/**
 * The wrapped messages of an upload, put together in memory of their own as their bytes come. A piece of an upload is a
 * slice of what was read from the socket. If it were kept until its message is complete, all of that would stay in
 * memory, with the pieces of other uploads in it: a stalled upload kept three times the bytes that it had sent.
 */
import { Buffer } from 'node:buffer';
import { freeReceived, markOwn, takeReceived } from '../../domain/blocks.ts';
import { compressedFlag, headBytes } from './envelopes.ts';
import { partOf } from './parts.ts';

/** The least memory for a message that has begun, unless it is shorter. */
const memoryBytesMin = 32 * 1024;

/** The messages of one body, whose heads another part has checked: the lengths in them are allowed. */
export class Assembly {
  /** The head of the message that has begun, and what has arrived of the rest. */
  private memory: Buffer = Buffer.allocUnsafe(headBytes);
  private arrived = 0;
  /** The length of this message, with its head; of the head alone until the head has arrived. */
  private wanted = headBytes;

  /** Copies the next bytes. Returns the messages that are complete with them, with their heads. */
  take(bytes: Uint8Array): Buffer[] {
    const complete: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.wanted - this.arrived);
      this.add(part);
      at += part.length;
      if (this.arrived < this.wanted) break;
      if (this.wanted === headBytes) this.wanted += this.memory.readUInt32BE(1);
      if (this.arrived === this.wanted) complete.push(this.end());
    }
    return complete;
  }

  /** Returns the arrived part of the chunk that has begun, as a message of its own; undefined if it is not worth it. */
  takePart(): Buffer | undefined {
    if (this.wanted === headBytes || (this.memory[0]! & compressedFlag) !== 0) return undefined;
    const arrived = this.memory.subarray(headBytes, this.arrived);
    const leftBytes = this.wanted - this.arrived;
    const part = partOf({ arrived: [arrived], arrivedBytes: arrived.length, leftBytes });
    if (part === undefined) return undefined;
    freeReceived(this.end());
    this.wanted = part.rest.length + leftBytes;
    this.add(part.rest);
    return part.message;
  }

  /** Drops what has arrived of the message that has begun. */
  drop(): void {
    freeReceived(this.end());
  }

  private add(part: Uint8Array): void {
    const bytes = this.arrived + part.length;
    if (bytes > this.memory.length) this.grow(bytes);
    this.memory.set(part, this.arrived);
    this.arrived = bytes;
  }

  /** Memory grows with the bytes that have come: a message may be announced and never sent. */
  private grow(bytes: number): void {
    const grown = takeReceived(bytes, this.wanted, memoryBytesMin);
    this.memory.copy(grown, 0, 0, this.arrived);
    freeReceived(this.memory);
    markOwn(grown);
    this.memory = grown;
  }

  /** Begins the next message. Returns what has arrived of this one. */
  private end(): Buffer {
    const message = this.memory.subarray(0, this.arrived);
    this.memory = Buffer.allocUnsafe(headBytes);
    this.arrived = 0;
    this.wanted = headBytes;
    return message;
  }
}
