/** The rests of requests over gRPC that were answered before their end. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { type After, afterRealTime } from '../../api/timer.ts';
import { Leftover } from '../messages/leftover.ts';
import { receivedBy } from '../receiving.ts';

/** What the clients of one listener still send after their answers. */
export class Leftovers {
  private readonly after: After;
  private readonly open = new Set<Leftover>();
  private isHurried = false;

  constructor(after: After = afterRealTime) {
    this.after = after;
  }

  /**
   * Reads and drops what comes on this stream after its answer, within the limits of {@link Leftover}: Node keeps the
   * stream, and what has arrived on it, until that is read. A reset at once would be shorter, but may overtake the answer.
   * Past the limits the stream is reset.
   */
  drop(stream: ServerHttp2Stream): void {
    stream.once('finish', () => {
      if (stream.destroyed || stream.readableEnded) return;
      receivedBy(stream)?.close();
      // The code that took the call gets no further bytes.
      stream.removeAllListeners('data');
      const sender = {
        isWhole: () => stream.readableEnded,
        bytesRead: () => stream.session!.socket.bytesRead,
      };
      const leftover = new Leftover(
        stream,
        sender,
        (isWhole) => {
          this.open.delete(leftover);
          if (!isWhole) stream.close(constants.NGHTTP2_NO_ERROR);
        },
        this.after,
      );
      this.open.add(leftover);
      if (this.isHurried) leftover.hurry();
    });
  }

  /** Limits the reading from now on, since the service stops. */
  hurry(): void {
    this.isHurried = true;
    for (const leftover of this.open) leftover.hurry();
  }
}
