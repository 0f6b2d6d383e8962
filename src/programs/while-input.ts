/**
 * A service for a program that brings its own store along: it serves on the socket alone, for as long as somebody's
 * standard input is open. Whoever finds the socket taken uses the service there and keeps it from ending, and takes its
 * place if it ends all the same.
 */
import { createClient } from '@connectrpc/connect';
import { openEndpoint } from '../client/wire/endpoint.ts';
import { afterRealTime, pause } from '../domain/timer.ts';
import { answersOurs } from '../server/addresses.ts';
import { Health } from '../server/grpc/health.ts';

/** Between finding out that a service ends and looking again, in milliseconds; twice as long each time, up to that. */
const lookAgainMs = 50;
const lookAgainMsMax = 2_000;
/** A service that has not answered by then is none, or one that is not to be relied on. */
const answerMsDefault = 5_000;

interface Use<Opened> {
  /** Path of the socket of the data directory. */
  readonly socket: string;
  /** Resolves when the own input has ended, or a signal came. */
  readonly over: Promise<unknown>;
  /** Opens the store in this process; undefined if it waited until `isServed` was true, or until it was over. */
  readonly open: (isServed: () => Promise<boolean>) => Promise<Opened | undefined>;
  /** Told each time that a service of somebody else is used. */
  readonly onUsed: () => void;
  /** Told once if what has the socket is not to be used, and again only after one that was. */
  readonly onRefused: () => void;
  /** How long the first answer may take, in milliseconds. Default 5,000. */
  readonly answerMs?: number;
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
      // One that is about to end refuses for a short time.
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
 * Keeps a call open, for which the service stays, until it is over or the service ends.
 *
 * @returns whether the service took it; `silent`: it did not answer in time.
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
