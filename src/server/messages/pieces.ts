import { Buffer } from 'node:buffer';
import { headBytes } from './envelopes.ts';

/** What has come of a body and is not taken yet. */
export class Pieces {
  /** How many bytes these are. */
  bytes = 0;
  private pieces: Uint8Array[] = [];
  /** Of the wrapped message that has begun, with its head; of the head alone as long as that is not here. */
  private wanted = headBytes;
  private hasHead = false;

  push(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  /** How long the wrapped message that has begun says that it is, without its head; 0 before that is known. */
  get announcedBytes(): number {
    return this.wanted - headBytes;
  }

  /** The next wrapped message with its head, if all of it is here. */
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

  /** All of it, in one. */
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
