/**
 * Fair turns for the beginning of calls. If many calls arrive at once on one connection, a few of them begin in each
 * turn of the event loop, one of each connection after another (round robin). So a call on another connection waits for
 * few of them and not for all.
 */

/** The number of calls that begin in one turn: some milliseconds. With 16, twice as many batches are written (P5b). */
export const startsPerTurn = 32;

/** One call that may begin. */
interface Start {
  /** Whether its caller has gone: it then does not begin. */
  readonly isGone: () => boolean;
  readonly begin: () => void;
  /** Called instead of `begin`. */
  readonly drop?: (() => void) | undefined;
}

/** The calls of all transports of a service. */
export class FairStarts {
  /** The lines by connection; the connection whose turn is next comes first. */
  private readonly lines = new Map<object, Start[]>();
  private readonly immediately: (run: () => void) => void;
  private begun = 0;
  private isTurnOver = true;

  /** @param immediately runs a function in the next turn of the event loop. Default: `setImmediate`. */
  constructor(immediately: (run: () => void) => void = setImmediate) {
    this.immediately = immediately;
  }

  /** The number of calls that wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const line of this.lines.values()) count += line.length;
    return count;
  }

  /** Begins the call now if none waits and few have begun in this turn, else when its turn comes. */
  add(connection: object, start: Start): void {
    if (this.isTurnOver) {
      this.isTurnOver = false;
      this.begun = 0;
      this.immediately(this.nextTurn);
    }
    if (this.lines.size === 0 && this.begun < startsPerTurn) {
      this.begun++;
      start.begin();
      return;
    }
    const line = this.lines.get(connection);
    if (line === undefined) this.lines.set(connection, [start]);
    else line.push(start);
  }

  private readonly nextTurn = (): void => {
    this.begun = 0;
    this.isTurnOver = this.lines.size === 0;
    if (this.isTurnOver) return;
    this.immediately(this.nextTurn);
    while (this.begun < startsPerTurn && this.lines.size > 0) this.beginNext();
  };

  private beginNext(): void {
    const [connection, line] = this.lines.entries().next().value!;
    this.lines.delete(connection);
    const start = line.shift()!;
    // The connection goes to the end of the line: the others come first.
    if (line.length > 0) this.lines.set(connection, line);
    if (start.isGone()) {
      start.drop?.();
      return;
    }
    this.begun++;
    start.begin();
  }
}
