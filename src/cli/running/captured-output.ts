/**
 * One stream of a command's output, stored while it comes: pieces that others follow, and at the end the whole. The whole
 * is put together from the pieces in the store, so that no disk is needed for it.
 */
import { Buffer } from 'node:buffer';
import type { Content } from '../../client/artifacts/content.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { later } from '../../client/wire/timer.ts';

/** The largest piece. */
const pieceBytesMax = 1024 * 1024;
/** A piece is stored this long after its first byte at the latest, in milliseconds. */
const pieceMs = 2_000;
/** How long pieces exist once the whole is stored, in milliseconds. */
const keptMs = 3_600_000;
/** What may wait to be stored; a command that writes faster has to wait. */
const waitingBytesMax = 8 * 1024 * 1024;
const updatesMax = 8;

/** Where the output goes. */
interface OutputPlace {
  readonly client: ArtifactaClient;
  readonly session: string;
  /** The name of the whole, e.g. `.run/stdout`. */
  readonly name: string;
}

interface Piece {
  readonly id: string;
  readonly sizeBytes: number;
}

/** The stored output of one stream. */
export class CapturedOutput {
  private readonly place: OutputPlace;
  private readonly pieces: Piece[] = [];
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;
  private waitingBytes = 0;
  private cancelTimer: (() => void) | undefined;
  private last: Promise<void> = Promise.resolve();
  private room: PromiseWithResolvers<void> | undefined;
  private failure: unknown;

  constructor(place: OutputPlace) {
    this.place = place;
  }

  /** Why the rest of the output was not stored. Undefined: nothing failed. */
  get error(): unknown {
    return this.failure;
  }

  /** Takes bytes. Resolves when room for more exists: at once, unless much waits to be stored. */
  async take(bytes: Uint8Array): Promise<void> {
    if (this.failure !== undefined) return;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + pieceBytesMax - this.gatheredBytes);
      this.gathered.push(part);
      this.gatheredBytes += part.length;
      this.waitingBytes += part.length;
      at += part.length;
      if (this.gatheredBytes === pieceBytesMax) this.flush();
    }
    if (this.gatheredBytes > 0) this.cancelTimer ??= later(pieceMs, () => this.flush());
    if (this.waitingBytes <= waitingBytesMax) return;
    this.room ??= Promise.withResolvers();
    await this.room.promise;
  }

  /**
   * Stores what is left, and the whole under its name; nothing if the command wrote nothing. The pieces then end an hour
   * later. @throws the error that kept the output from being stored; what was stored before it stays.
   */
  async end(): Promise<void> {
    this.flush();
    await this.last;
    if (this.failure !== undefined) throw this.failure;
    if (this.pieces.length === 0) return;
    const { client, session, name } = this.place;
    await client.push(this.whole(), { session, name, contentType: 'text/plain; charset=utf-8' });
    const left = this.pieces.values();
    const expire = async () => {
      for (const { id } of left) await client.update(id, { expiry: { ttlMs: keptMs } });
    };
    await Promise.all(Array.from({ length: updatesMax }, expire));
  }

  private flush(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    if (this.gatheredBytes === 0) return;
    const bytes = Buffer.concat(this.gathered);
    this.gathered = [];
    this.gatheredBytes = 0;
    this.last = this.last.then(() => this.store(bytes));
  }

  /** Never rejects: the command goes on if its output cannot be stored. */
  private async store(bytes: Uint8Array): Promise<void> {
    if (this.failure === undefined) {
      const { client, session, name } = this.place;
      const number = String(this.pieces.length + 1).padStart(6, '0');
      try {
        const { artifact } = await client.push(bytes, {
          session,
          name: `${name}.parts/${number}`,
          contentType: 'text/plain; charset=utf-8',
        });
        this.pieces.push({ id: artifact.id, sizeBytes: bytes.length });
      } catch (error) {
        this.failure = error;
      }
    }
    this.waitingBytes -= bytes.length;
    if (this.waitingBytes > waitingBytesMax / 2) return;
    this.room?.resolve();
    this.room = undefined;
  }

  private whole(): Content {
    const { client } = this.place;
    const { pieces } = this;
    return {
      sizeBytes: pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      replayable: true,
      async *open() {
        for (const { id } of pieces) {
          const download = await client.open(id);
          for await (const bytes of download) yield bytes;
        }
      },
    };
  }
}
