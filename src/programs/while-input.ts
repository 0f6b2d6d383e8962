/**
 * A service for a program that brings its own store along: it serves on the socket alone, for as long as somebody's
 * standard input is open. Whoever finds the socket taken uses the service there and keeps it from ending, and takes its
 * place if it ends all the same.
 */
import { createClient } from '@connectrpc/connect';
import { openEndpoint } from '../client/wire/endpoint.ts';
import { pause } from '../domain/timer.ts';
import { answersOurs } from '../server/addresses.ts';
import { Health } from '../server/grpc/health.ts';

/** Between finding out that a service ends and looking again, in milliseconds; twice as long each time, up to that. */
const lookAgainMs = 50;
const lookAgainMsMax = 2_000;

interface Use<Opened> {
  /** Path of the socket of the data directory. */
  readonly socket: string;
  /** Resolves when the own input has ended, or a signal came. */
  readonly over: Promise<unknown>;
  /** Opens the store in this process; undefined if it waited until `isServed` was true, or until it was over. */
  readonly open: (isServed: () => Promise<boolean>) => Promise<Opened | undefined>;
  /** Told each time that a service of somebody else is used. */
  readonly onUsed: () => void;
  /** Told once if what has the socket is not to be used. */
  readonly onRefused: () => void;
}

/**
 * Uses the service on the socket while there is one, and opens the store once there is none.
 *
 * @returns what was opened; undefined if it was over before.
 * @throws what `open` throws.
 */
export async function openUnlessServed<Opened>({
  socket,
  over,
  open,
  onUsed,
  onRefused,
}: Use<Opened>): Promise<Opened | undefined> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  for (let pauseMs = lookAgainMs; !isOver; ) {
    if (await answersOurs(socket)) {
      const wasUsed = await stayWith(socket, over, onUsed);
      if (isOver) return undefined;
      // One that is about to end refuses for a short time.
      if (!wasUsed && pauseMs === lookAgainMsMax) onRefused();
      await pause(pauseMs);
      pauseMs = wasUsed ? lookAgainMs : Math.min(2 * pauseMs, lookAgainMsMax);
    } else {
      const opened = await open(() => answersOurs(socket));
      if (opened !== undefined) return opened;
    }
  }
  return undefined;
}

/**
 * Keeps a call open, for which the service stays, until it is over or the service ends.
 *
 * @returns whether the service took it.
 */
async function stayWith(socket: string, over: Promise<unknown>, onUsed: () => void): Promise<boolean> {
  const stop = new AbortController();
  void over.then(() => stop.abort());
  const endpoint = await openEndpoint(`unix:${socket}`);
  let isUsed = false;
  try {
    const { watch } = createClient(Health, endpoint.transport);
    for await (const _status of watch({}, { signal: stop.signal })) {
      if (!isUsed) onUsed();
      isUsed = true;
    }
  } catch {
    // It has ended, or is about to.
  } finally {
    await endpoint.close();
  }
  return isUsed;
}
