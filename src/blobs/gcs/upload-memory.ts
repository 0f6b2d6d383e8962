/**
 * The memory of uploads that are on their way to the bucket. A piece must be at hand until the bucket has it: only then
 * can it be sent again. All uploads of the process share one budget, in blocks.
 *
 * Each upload has one block of its own while it lives, and waits for it if all are taken. With it, an upload can always
 * go on: a full block can be sent by itself. More blocks make pieces larger, and let a piece fill while another is
 * sent. An upload never waits for these, so no two uploads can wait for each other. An upload that waits for its own
 * block is served first.
 */
import { Buffer } from 'node:buffer';

/** The size of a block: pieces of an upload are multiples of it, except the last one. */
export const memoryBlockBytes = 256 * 1024;
/** Of all blocks, the part that uploads may have beyond their own. */
const extraShare = 3 / 4;
/** The number of unused blocks that are kept for later: 8 MiB. */
const keptMax = 32;

/** The shared budget. */
export class UploadMemory {
  private readonly blocksMax: number;
  private readonly extraMax: number;
  /** The number of uploads that have begun. */
  private own = 0;
  private extra = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly free: Uint8Array[] = [];

  /** @param bytesMax at least one block. */
  constructor(bytesMax: number) {
    this.blocksMax = Math.floor(bytesMax / memoryBlockBytes);
    this.extraMax = Math.floor(this.blocksMax * extraShare);
    if (this.blocksMax < 1) throw new RangeError(`bytesMax must be at least 256 KiB, not ${bytesMax}`);
  }

  /** The bytes that uploads have taken. */
  get takenBytes(): number {
    return (this.own + this.extra) * memoryBlockBytes;
  }

  /** The number of uploads that wait. */
  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Begins an upload. Resolves when its own block is reserved; rejects with the reason of the signal. */
  async begin(signal: AbortSignal): Promise<Share> {
    signal.throwIfAborted();
    if (this.waiting.length === 0 && this.own + this.extra < this.blocksMax) {
      this.own++;
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
      takeExtra: () => this.takeExtra(),
      giveExtra: () => {
        this.extra--;
        this.serve();
      },
      end: () => {
        this.own--;
        this.serve();
      },
      block: () => this.free.pop() ?? Buffer.allocUnsafeSlow(memoryBlockBytes),
      recycle: (block) => {
        if (this.free.length < keptMax) this.free.push(block);
      },
    });
  }

  private takeExtra(): boolean {
    const { own, extra, blocksMax, extraMax } = this;
    if (this.waiting.length > 0 || extra >= extraMax || own + extra >= blocksMax) return false;
    this.extra++;
    return true;
  }

  /** Gives a free block to the upload that has waited longest. */
  private serve(): void {
    if (this.own + this.extra >= this.blocksMax) return;
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.own++;
    next();
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
    if (this.taken > 0 && !this.options.takeExtra()) return undefined;
    this.taken++;
    return this.options.block();
  }

  /** Returns blocks. Nothing may use them any more. */
  give(blocks: readonly Uint8Array[]): void {
    for (const block of blocks) {
      if (this.taken > 1) this.options.giveExtra();
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
