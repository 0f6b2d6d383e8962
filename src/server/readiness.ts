/** Whether the service takes calls, for probes and load balancers. */
export type Phase =
  /** Storage is being opened or checked. */
  | 'starting'
  /** The index is damaged; only operators are served. */
  | 'recovery'
  | 'serving'
  /** Writes fail at the moment; reads are served. */
  | 'reading'
  /** Reads fail at the moment too. */
  | 'unreadable'
  /** The service still takes calls, but has asked for no more of them. */
  | 'leaving'
  /** The service finishes the calls that it has and takes no more. */
  | 'stopping';

/** The phase of the service, and its changes. */
export class Readiness {
  private current: Phase = 'starting';
  private change = Promise.withResolvers<void>();

  get phase(): Phase {
    return this.current;
  }

  get ready(): boolean {
    return this.current === 'serving' || this.current === 'reading';
  }

  set(phase: Phase): void {
    if (phase === this.current) return;
    this.current = phase;
    this.change.resolve();
    this.change = Promise.withResolvers<void>();
  }

  /** Resolves at the next change, or when `signal` is aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const aborted = Promise.withResolvers<void>();
    const listener = () => aborted.resolve();
    signal.addEventListener('abort', listener, { once: true });
    await Promise.race([this.change.promise, aborted.promise]);
    signal.removeEventListener('abort', listener);
  }
}
