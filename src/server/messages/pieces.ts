import { Buffer } from 'node:buffer';
import { headBytes } from './envelopes.ts';
import { type Part, partOf } from './parts.ts';

/** The bytes of a body that have arrived and are not taken yet. */
export class Pieces {
  /** The number of these bytes. */
  bytes = 0;
  private pieces: Uint8Array[] = [];
  /** The length of the wrapped message that has begun, with its head; of the head alone until the head has arrived. */
  private wanted = headBytes;
  private hasHead = false;

  push(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  /** The length that the wrapped message that has begun announces, without its head; 0 until it is known. */
  get announcedBytes(): number {
    return this.wanted - headBytes;
  }

  /** Returns the next wrapped message with its head, if it is complete. */
  takeMessage(): Buffer | undefined {
    if (this.bytes < this.wanted) return undefined;
    if (!this.hasHead) {
      const joined = this.takeAll();
      this.push(joined);
      this.hasHead = true;
      this.wanted = headBytes + joined.readUInt32BE(1);
      if (this.bytes < this.wanted) return undefined;
    }
    const joined = this.takeAll();
    const { wanted } = this;
    this.wanted = headBytes;
    this.hasHead = false;
    if (joined.length > wanted) this.push(joined.subarray(wanted));
    return joined.subarray(0, wanted);
  }

  /** Returns the part of an upload's chunk that has arrived; undefined if it is not worth it. */
  takePart(): Part | undefined {
    const [first, ...others] = this.pieces;
    if (!this.hasHead || first?.[0] !== 0) return undefined;
    const part = partOf({
      arrived: [first.subarray(headBytes), ...others],
      arrivedBytes: this.bytes - headBytes,
      leftBytes: this.wanted - this.bytes,
    });
    if (part === undefined) return undefined;
    this.wanted += part.rest.length - this.bytes;
    this.takeAll();
    this.push(part.rest);
    return part;
  }

  /** Returns all bytes in one piece. */
  takeAll(): Buffer {
    const { pieces, bytes } = this;
    this.pieces = [];
    this.bytes = 0;
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined)
      return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
    return Buffer.concat(pieces, bytes);
  }
}
