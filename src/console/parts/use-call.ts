/** Calls as the state of a part of the page. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { pause } from '../base/timer.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';

/** The state of a call. */
interface Called<T> {
  /** The latest answer; that of the call before stays until the next one has come. */
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  /** Calls again. */
  readonly again: () => void;
}

/** Waits of a call that may succeed later, in milliseconds; the last one repeats. */
const waits = [300, 700, 1_000, 2_000];

/** Makes a call when the key changes, and again by itself for as long as it fails in a way that may pass. */
export function useCall<T>(key: string, call: (signal: AbortSignal) => Promise<T>): Called<T> {
  const [state, setState] = useState<{ key: string; value?: T; failure?: Failure | undefined }>({ key: '' });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const ended = new AbortController();
    const run = async () => {
      for (let attempt = 0; !ended.signal.aborted; attempt++) {
        try {
          const value = await call(ended.signal);
          if (!ended.signal.aborted) setState({ key, value });
          return;
        } catch (error) {
          if (ended.signal.aborted || isCancelled(error)) return;
          const failure = failureOf(error);
          setState((before) => ({ ...(before.key === key ? before : {}), key, failure }));
          if (!failure.isPassing) return;
        }
        await pause(waits[Math.min(attempt, waits.length - 1)]!, ended.signal);
      }
    };
    void run();
    return () => ended.abort();
  }, [key, round]);
  const again = useCallback(() => setRound((before) => before + 1), []);
  const isOurs = state.key === key;
  return {
    value: isOurs ? state.value : undefined,
    failure: isOurs ? state.failure : undefined,
    isLoading: !isOurs,
    again,
  };
}

/** The state of something that the reader starts. */
interface Acting {
  readonly isActing: boolean;
  readonly failure: Failure | undefined;
  /** Starts the work; resolves with whether it succeeded. */
  readonly act: (work: () => Promise<void>) => Promise<boolean>;
}

/** Runs what a button starts, and keeps why it failed. */
export function useAction(): Acting {
  const [state, setState] = useState<{ isActing: boolean; failure?: Failure }>({ isActing: false });
  const act = useCallback(async (work: () => Promise<void>) => {
    setState({ isActing: true });
    try {
      await work();
      setState({ isActing: false });
      return true;
    } catch (error) {
      setState({ isActing: false, failure: failureOf(error) });
      return false;
    }
  }, []);
  return { isActing: state.isActing, failure: state.failure, act };
}
