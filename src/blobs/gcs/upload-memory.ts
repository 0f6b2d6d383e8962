/**
 * The memory of uploads that are on their way to the bucket. A piece must be at hand until the bucket has it: only then
 * can it be sent again. All uploads of the process share one budget, in blocks.
 *
 * Each upload has {@link ownBlocks} while it lives, and waits for them if all are taken. With them it can always go on:
 * a full block can be sent by itself. More blocks make pieces larger; no upload waits for those, so no two uploads can wait
 * for each other.
 */
import { Buffer } from 'node:buffer';

/** The size of a block: pieces of an upload are multiples of it, except the last one. */
export const memoryBlockBytes = 256 * 1024;
/** The blocks that each upload has. */
const ownBlocks = 2;
/** Of all blocks, the part that uploads may have beyond their own. */
const extraShare = 3 / 4;

/** The shared budget. */
export class UploadMemory {
  private readonly ownMax: number;
  private readonly extraMax: number;
  private own = 0;
  private extra = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly free: Uint8Array[] = [];

  /** @param bytesMax at least 2 MiB. */
  constructor(bytesMax: number) {
    const blocks = Math.floor(bytesMax / memoryBlockBytes);
    this.extraMax = Math.floor(blocks * extraShare);
    this.ownMax = Math.floor((blocks - this.extraMax) / ownBlocks) * ownBlocks;
    if (this.ownMax < ownBlocks) throw new RangeError(`bytesMax must be at least 2 MiB, not ${bytesMax}`);
  }

  /** The bytes that uploads have taken. */
  get takenBytes(): number {
    return (this.own + this.extra) * memoryBlockBytes;
  }

  /** The number of uploads that wait. */
  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Begins an upload. Resolves when its own blocks are reserved; rejects with the reason of the signal. */
  async begin(signal: AbortSignal): Promise<Share> {
    signal.throwIfAborted();
    if (this.own < this.ownMax && this.waiting.length === 0) {
      this.own += ownBlocks;
    } else {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => {
        const at = this.waiting.indexOf(resolve);
        if (at < 0) return; // its turn has come
        this.waiting.splice(at, 1);
        reject(signal.reason);
      };
      this.waiting.push(resolve);
      signal.addEventListener('abort', onAbort, { once: true });
      await promise.finally(() => signal.removeEventListener('abort', onAbort));
    }
    return new Share({
      takeExtra: () => {
        if (this.extra >= this.extraMax) return false;
        this.extra++;
        return true;
      },
      giveExtra: () => {
        this.extra--;
      },
      end: () => this.end(),
      block: () => this.free.pop() ?? Buffer.allocUnsafeSlow(memoryBlockBytes),
      recycle: (block) => {
        if (this.free.length < ownBlocks * 16) this.free.push(block);
      },
    });
  }

  private end(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.own -= ownBlocks;
    else next(); // the blocks go to the one that has waited longest
  }
}

interface ShareOptions {
  readonly takeExtra: () => boolean;
  readonly giveExtra: () => void;
  readonly end: () => void;
  readonly block: () => Uint8Array;
  readonly recycle: (block: Uint8Array) => void;
}

/** The memory of one upload. */
export class Share {
  private readonly options: ShareOptions;
  private taken = 0;
  private hasEnded = false;

  constructor(options: ShareOptions) {
    this.options = options;
  }

  /** Returns another block; undefined if none is left now: send some, and return them. */
  take(): Uint8Array | undefined {
    if (this.taken >= ownBlocks && !this.options.takeExtra()) return undefined;
    this.taken++;
    return this.options.block();
  }

  /** Returns blocks. Nothing may use them any more. */
  give(blocks: readonly Uint8Array[]): void {
    for (const block of blocks) {
      if (this.taken > ownBlocks) this.options.giveExtra();
      this.taken--;
      this.options.recycle(block);
    }
  }

  /** Ends the upload. Its blocks must have been returned. */
  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.options.end();
  }
}
