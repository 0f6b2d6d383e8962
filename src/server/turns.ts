/**
 * Answers the requests of one HTTP/1.1 connection one after another. Node hands all of them over as they come. Answered
 * at once, the later answers would wait in memory until the earlier ones are sent.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** So many requests of one connection may wait for the one before. One more closes the connection. */
const waitingMax = 16;

interface Turn {
  readonly request: IncomingMessage;
  /** Answers the request; resolves when the answer is out or nobody is left to take it. */
  readonly answer: () => Promise<void>;
}

interface Line {
  readonly waiting: Turn[];
  /** What is to be done after the last of them. */
  atEnd: (() => void) | undefined;
}

/** The requests of each connection that wait for those before. */
export class Turns {
  /** Of the connections on which something is being answered. */
  private readonly lines = new WeakMap<Socket, Line>();

  /** Runs `answer` when all earlier requests of the connection are answered. Never runs it if the connection is lost first. */
  take(request: IncomingMessage, answer: () => Promise<void>): void {
    const { socket } = request;
    const line = this.lines.get(socket);
    if (line === undefined) {
      this.lines.set(socket, { waiting: [], atEnd: undefined });
      void this.run(socket, { request, answer });
    } else if (line.waiting.length < waitingMax) line.waiting.push({ request, answer });
    else socket.destroy();
  }

  /** Runs `end` when all whole requests of a connection are answered; false if none is being answered. */
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
    // One that is being closed takes no more answers.
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
