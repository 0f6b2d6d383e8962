/** The answers on each connection, as the one budget of what waits to be sent knows them. */
import type { Socket } from 'node:net';
import type { ConnectError } from '@connectrpc/connect';
import { SendBudget } from '../api/sending/send-budget.ts';
import type { UnsentAnswer } from '../api/sending/unsent-answer.ts';
import { afterRealTime } from '../api/timer.ts';
import { breakOff, type Connection, hasLostPeer } from './connection-sockets.ts';

/** Opens an account for each answer, and closes those of a connection that has gone. */
export class Answers {
  private readonly budget: SendBudget;
  private readonly onConnection = new WeakMap<Connection, Set<UnsentAnswer>>();

  constructor(budget: SendBudget) {
    this.budget = budget;
  }

  /**
   * An answer that has yet to be made; it must be closed when its stream is.
   *
   * @param connection undefined if it has gone.
   * @param copies how often its bytes are in memory while they are sent.
   * @param end called if others need its room.
   */
  open(
    connection: Connection | undefined,
    address: string | undefined,
    copies: number,
    end: (error: ConnectError) => void,
  ): UnsentAnswer {
    const answer = this.budget.open(address, copies, {
      end,
      hasLostPeer: () => connection !== undefined && hasLostPeer(connection),
      disconnect: () => disconnect(connection),
    });
    if (connection === undefined || connection.destroyed) answer.drop();
    else this.keep(connection, answer);
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

/** One with the usual limits, in real time. */
export function usualBudget(): SendBudget {
  return new SendBudget({ after: afterRealTime, elapsed: () => performance.now() });
}

function disconnect(connection: Connection | undefined): void {
  if (connection === undefined) return;
  if ('settings' in connection) breakOff(connection);
  else connection.destroy();
}
