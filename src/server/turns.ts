/**
 * Answers the requests of one HTTP/1.1 connection one after another. Node passes all of them on as they arrive. If they
 * were answered at once, the later answers would wait in memory until the earlier ones are sent.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The number of requests of one connection that may wait for the one before. One more closes the connection. */
const waitingMax = 16;

interface Turn {
  readonly request: IncomingMessage;
  /** Answers the request; resolves when the answer is sent or no client is left to take it. */
  readonly answer: () => Promise<void>;
}

interface Line {
  readonly waiting: Turn[];
  /** Called after the last of them. */
  atEnd: (() => void) | undefined;
}

/** The requests of each connection that wait for earlier ones. */
export class Turns {
  /** The lines of the connections on which an answer is under way. */
  private readonly lines = new WeakMap<Socket, Line>();

  /** Runs `answer` when all earlier requests of the connection are answered; never if the connection is lost first. */
  take(request: IncomingMessage, answer: () => Promise<void>): void {
    const { socket } = request;
    const line = this.lines.get(socket);
    if (line === undefined) {
      this.lines.set(socket, { waiting: [], atEnd: undefined });
      void this.run(socket, { request, answer });
    } else if (line.waiting.length < waitingMax) line.waiting.push({ request, answer });
    else socket.destroy();
  }

  /** Runs `end` when all whole requests of a connection are answered. Returns false if no answer is under way. */
  afterLast(socket: Socket, end: () => void): boolean {
    const line = this.lines.get(socket);
    if (line === undefined) return false;
    const last = line.waiting.at(-1);
    if (last?.request.complete === false) line.waiting.pop();
    line.atEnd = end;
    return true;
  }

  private async run(socket: Socket, first: Turn): Promise<void> {
    const line = this.lines.get(socket)!;
    // A connection that is being closed takes no more answers.
    for (
      let turn: Turn | undefined = first;
      turn !== undefined && socket.writable;
      turn = line.waiting.shift()
    )
      await turn.answer();
    this.lines.delete(socket);
    if (socket.writable) line.atEnd?.();
  }
}
