/** The answers on each connection, as the one budget of what waits to be sent knows them. */

import type { ConnectError } from '@connectrpc/connect';
import type { SendBudget } from '../api/send-budget.ts';
import type { UnsentAnswer } from '../api/unsent-answer.ts';

/** A socket of HTTP/1.1, or a session of HTTP/2. */
interface Connection {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

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
   * @param end called if others need its room.
   */
  open(
    connection: Connection | undefined,
    address: string | undefined,
    end: (error: ConnectError) => void,
  ): UnsentAnswer {
    const answer = this.budget.open(address, { end, disconnect: () => connection?.destroy() });
    if (connection === undefined || connection.destroyed) answer.drop();
    else this.keep(connection, answer);
    return answer;
  }

  private keep(connection: Connection, answer: UnsentAnswer): void {
    let all = this.onConnection.get(connection);
    if (all === undefined) {
      const made = new Set<UnsentAnswer>();
      this.onConnection.set(connection, made);
      connection.once('close', () => {
        for (const one of [...made]) one.drop();
      });
      all = made;
    }
    const kept = all;
    kept.add(answer);
    answer.whenSettled(() => kept.delete(answer));
  }
}
