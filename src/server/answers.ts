/** The answers on each connection, for the one count of bytes that wait to be sent. */
import type { Socket } from 'node:net';
import type { ConnectError } from '@connectrpc/connect';
import type { PlacedCall } from '../api/places.ts';
import type { UnsentAnswer } from '../api/sending/unsent-answer.ts';
import { UnsentBytes } from '../api/sending/unsent-bytes.ts';
import { afterRealTime } from '../api/timer.ts';
import { placeOf } from './places.ts';
import { breakOff, type Connection, hasLostPeer } from './sockets/connection-sockets.ts';

/** The ways in which a listener can end a call. */
interface CallEnds extends PlacedCall {
  /** Ends it at once; nothing more of its answer is sent. */
  readonly end: (error: ConnectError) => void;
}

/** Counts each answer, and drops the answers of a connection that has gone. */
export class Answers {
  private readonly all: UnsentBytes;
  private readonly onConnection = new WeakMap<Connection, Set<UnsentAnswer>>();

  constructor(all: UnsentBytes) {
    this.all = all;
  }

  /**
   * Returns the counter of an answer that is not made yet; it must be closed when its stream is.
   *
   * @param connection undefined if it has gone.
   * @param copies the number of copies of its bytes in memory while they are sent.
   * @param ends called if others need its room, or the place of its connection.
   */
  open(
    connection: Connection | undefined,
    address: string | undefined,
    copies: number,
    ends: CallEnds,
  ): UnsentAnswer {
    const place = placeOf(connection);
    const answer = this.all.open(address, copies, {
      end: ends.end,
      charged: (payer) => place?.chargeTo(payer),
      hasLostPeer: () => connection !== undefined && hasLostPeer(connection),
      disconnect: () => disconnect(connection),
    });
    if (connection === undefined || connection.destroyed) answer.drop();
    else this.keep(connection, answer);
    if (place !== undefined) answer.whenSettled(place.begin(ends));
    return answer;
  }

  private keep(connection: Connection, answer: UnsentAnswer): void {
    let all = this.onConnection.get(connection);
    if (all === undefined) {
      const made = new Set<UnsentAnswer>();
      this.onConnection.set(connection, made);
      (connection as Socket).once('close', () => {
        for (const one of [...made]) one.drop();
      });
      all = made;
    }
    const kept = all;
    kept.add(answer);
    answer.whenSettled(() => kept.delete(answer));
  }
}

/** Returns a count with the usual limits, in real time. */
export function usualUnsent(): UnsentBytes {
  return new UnsentBytes({ after: afterRealTime, elapsed: () => performance.now() });
}

function disconnect(connection: Connection | undefined): void {
  if (connection === undefined) return;
  if ('settings' in connection) breakOff(connection);
  else connection.destroy();
}
