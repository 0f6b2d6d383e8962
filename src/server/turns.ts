/**
 * Requests of one HTTP/1.1 connection are answered one after another. Node hands over all that have come at once; what
 * answers them would run for each, and what it makes would wait in memory for those before.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that wait for the one before, on one connection. Whoever sends more is cut off. */
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

  /** Runs `answer` when all that came before on the request's connection is answered; never if that is lost before. */
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
