/**
 * A service for a program that brings its own store along: it serves on the socket alone, as long as the standard input
 * of a program is open. A program that finds the socket taken uses the service there and keeps it from ending, and
 * takes its place if it ends anyway.
 */
import { createClient } from '@connectrpc/connect';
import { openEndpoint } from '../client/wire/endpoint.ts';
import { afterRealTime, pause } from '../domain/timer.ts';
import { answersOurs } from '../server/addresses.ts';
import { Health } from '../server/grpc/health.ts';

/**
 * The wait after a service was found to be ending, before the next look, in milliseconds. It doubles each time, up to
 * the second value.
 */
const lookAgainMs = 50;
const lookAgainMsMax = 2_000;
/** A service that has not answered by then does not exist, or is not reliable. */
const answerMsDefault = 5_000;

interface Use<Opened> {
  /** The path of the socket of the data directory. */
  readonly socket: string;
  /** Resolves when the program's own input has ended, or a signal came. */
  readonly over: Promise<unknown>;
  /** Opens the store in this process. Undefined if it waited until `isServed` was true, or until the input was over. */
  readonly open: (isServed: () => Promise<boolean>) => Promise<Opened | undefined>;
  /** Called each time that the service of another process is used. */
  readonly onUsed: () => void;
  /** Called once if the service on the socket is not to be used, and again only after one that was used. */
  readonly onRefused: () => void;
  /** How long the first answer may take, in milliseconds. Default 5,000. */
  readonly answerMs?: number;
}

/**
 * Uses the service on the socket while one exists, and opens the store once none does.
 *
 * @returns the opened store; undefined if the input was over before.
 * @throws the errors of `open`.
 */
export async function openUnlessServed<Opened>({
  socket,
  over,
  open,
  onUsed,
  onRefused,
  answerMs = answerMsDefault,
}: Use<Opened>): Promise<Opened | undefined> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  let isTold = false;
  for (let pauseMs = lookAgainMs; !isOver; ) {
    if (await answersOurs(socket)) {
      const how = await stayWith(socket, over, onUsed, answerMs);
      if (isOver) return undefined;
      const wasUsed = how === 'used';
      // A service that is about to end refuses for a short time.
      const isOdd = how === 'silent' || (how === 'refused' && pauseMs === lookAgainMsMax);
      if (isOdd && !isTold) onRefused();
      isTold = !wasUsed && (isTold || isOdd);
      await Promise.race([pause(pauseMs), over]);
      pauseMs = wasUsed ? lookAgainMs : Math.min(2 * pauseMs, lookAgainMsMax);
    } else {
      const opened = await open(() => answersOurs(socket));
      if (opened !== undefined) return opened;
    }
  }
  return undefined;
}

/**
 * Keeps a call open until it is over or the service ends. The service stays as long as the call is open.
 *
 * @returns whether the service took the call; `silent`: it did not answer in time.
 */
async function stayWith(
  socket: string,
  over: Promise<unknown>,
  onUsed: () => void,
  answerMs: number,
): Promise<'used' | 'refused' | 'silent'> {
  const stop = new AbortController();
  void over.then(() => stop.abort());
  const endpoint = await openEndpoint(`unix:${socket}`);
  let how: 'used' | 'refused' | 'silent' = 'refused';
  const cancel = afterRealTime(answerMs, () => {
    how = 'silent';
    stop.abort();
  });
  try {
    const { watch } = createClient(Health, endpoint.transport);
    for await (const _status of watch({}, { signal: stop.signal })) {
      cancel();
      if (how !== 'used') onUsed();
      how = 'used';
    }
  } catch {
    // It has ended, or is about to.
  } finally {
    cancel();
    await endpoint.close();
  }
  return how;
}
