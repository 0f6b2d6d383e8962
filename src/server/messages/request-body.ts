/** The body of an HTTP request, of HTTP/1.1 and of HTTP/2 alike: its pieces, as they arrive. */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { noteMessage } from '../young-collector.ts';

/** After a smaller piece the reader waits a little, so that many pieces are joined. */
const smallPieceBytesMax = 16 * 1024;

/** Takes the pieces of a body. */
export interface PieceTaker {
  /** Takes a piece, whose memory it may free. Returns false if no more should come until it asks for more. */
  take(piece: Buffer): boolean;
  /** Called at least once: at the end of the body, or with the error that ended it before. */
  end(error?: unknown): void;
}

/** The pieces on their way to one taker. */
export interface PieceFlow {
  /** Asks for more pieces. */
  goOn(): void;
  /** Ends the flow. The rest of the body is for the next reader. */
  stop(): void;
}

/** One body. It is read once, in one of two ways. */
export class RequestBody {
  private readonly request: IncomingMessage;
  private readonly begun: () => void;
  private readonly arrived: (piece: Buffer) => void;
  /** Ends the reading if it waits for more. */
  private stopReading: ((error: unknown) => void) | undefined;
  private stopFlow: (() => void) | undefined;

  /**
   * @param begun called when the body is asked for.
   * @param arrived called with each piece before its reader gets it.
   */
  constructor(request: IncomingMessage, begun: () => void, arrived: (piece: Buffer) => void) {
    this.request = request;
    this.begun = begun;
    this.arrived = (piece) => {
      noteMessage(piece.length);
      arrived(piece);
    };
  }

  /**
   * Yields the pieces. Throws if the client stops early and that can be seen. A reader that ends early leaves the
   * connection to the answer.
   */
  async *pieces(): AsyncGenerator<Buffer, undefined> {
    this.begun();
    const pieces = this.request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    let small = 0;
    try {
      for (;;) {
        const next = await this.nextOf(pieces);
        if (next.done === true) return;
        const piece = next.value;
        this.arrived(piece);
        // The consumer may free the piece, which is then empty.
        const isSmall = piece.length < smallPieceBytesMax;
        yield piece;
        // All bytes that arrive until the next turn are read in one piece.
        if (isSmall && ++small > 1) await setImmediate();
      }
    } finally {
      this.stopReading = undefined;
      // It may wait for bytes that never come, if the reading was ended; the reason is known already.
      void pieces.return?.().catch(() => undefined);
    }
  }

  /**
   * Gives the pieces to `taker` as they come, which costs less than to wait for each. The taker gets none after it has
   * said that none should come, until it asks for more.
   */
  flowTo(taker: PieceTaker): PieceFlow {
    this.begun();
    const { request } = this;
    const take = (piece: Buffer) => {
      this.arrived(piece);
      if (!taker.take(piece)) request.pause();
    };
    const forget = finished(request, { writable: false }, (error) => {
      stop();
      taker.end(error ?? undefined);
    });
    this.stopFlow = () => {
      request.off('data', take);
      request.pause();
    };
    const stop = () => {
      forget();
      // Nothing if another reader has begun already.
      this.stopFlow?.();
      this.stopReading = undefined;
      this.stopFlow = undefined;
    };
    this.stopReading = (error) => taker.end(error);
    request.on('data', take);
    request.resume();
    const goOn = () => {
      if (this.stopFlow !== undefined) request.resume();
    };
    return { goOn, stop };
  }

  /** Ends the reading with an error, which the reader gets, if it waits for more. */
  end(error: unknown): void {
    this.stopReading?.(error);
  }

  /** Leaves the rest to another reader, although one has read a part and still waits. */
  letGo(): void {
    // The listener of an iterator would stop the flow to the other reader.
    this.request.removeAllListeners('readable');
    this.stopFlow?.();
    this.stopFlow = undefined;
  }

  /** Returns the next piece. Rejects if the reading is ended. */
  private nextOf(pieces: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer, undefined>> {
    return new Promise((resolve, reject) => {
      this.stopReading = reject;
      pieces.next().then(resolve, reject);
    });
  }
}
