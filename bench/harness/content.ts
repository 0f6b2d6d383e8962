/** Large contents that are cheap to send: frames made ahead, random, and unique for each version. */
import type { Buffer } from 'node:buffer';
import { createHash, randomFillSync } from 'node:crypto';
import { UploadArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import { frame } from './frames.ts';

export const MiB = 1024 * 1024;
export const GiB = 1024 * MiB;

/** What our own clients send at a time. */
export const chunkBytes = MiB;

/** Frames that are kept and sent over and over: far more than are ever under way, and more than caches of a core. */
const frameCountDefault = 64;

/** Contents of one size, numbered. */
export class Content {
  readonly sizeBytes: number;
  private readonly frames: readonly Buffer[];

  /** `sizeBytes`: a multiple of {@link chunkBytes}. `frameCount`: fewer if many contents are sent at once. */
  constructor(sizeBytes: number, frameCount = frameCountDefault) {
    if (sizeBytes % chunkBytes !== 0) throw new RangeError('contents consist of whole chunks');
    this.sizeBytes = sizeBytes;
    this.frames = Array.from({ length: frameCount }, () => {
      const value = randomFillSync(new Uint8Array(chunkBytes));
      return frame(UploadArtifactRequestSchema, { part: { case: 'chunk', value } });
    });
  }

  /**
   * The chunks of a version. Each begins with the version and its own number, written just before it is handed out:
   * the frame that carried it before, as many chunks earlier as frames are kept, must have been sent.
   */
  *chunks(version: number): Generator<Buffer, void, void> {
    for (let at = 0; at < this.sizeBytes / chunkBytes; at++) {
      const chunk = this.frames[at % this.frames.length]!;
      const start = chunk.length - chunkBytes;
      chunk.writeUInt32BE(version, start);
      chunk.writeUInt32BE(at, start + 4);
      yield chunk;
    }
  }

  /** Its SHA-256 in hexadecimal. Takes as long as hashing does: call it before the clock starts. */
  digest(version: number): string {
    const hash = createHash('sha256');
    for (const piece of this.pieces(version)) hash.update(piece);
    return hash.digest('hex');
  }

  /** The bytes of a version without their frames; see {@link chunks}. */
  *pieces(version: number): Generator<Buffer, void, void> {
    for (const chunk of this.chunks(version)) yield chunk.subarray(chunk.length - chunkBytes);
  }
}
