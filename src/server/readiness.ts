/** Whether the service takes calls: what probes and load balancers are told. */
export type Phase =
  /** Storage is being opened or checked. */
  | 'starting'
  /** The index is damaged; only operators are served. */
  | 'recovery'
  | 'serving'
  /** Nothing can be written at the moment; reads are served. */
  | 'reading'
  /** Nothing can be read at the moment either. */
  | 'unreadable'
  /** Still takes calls, but has asked for no more of them. */
  | 'leaving'
  /** Finishes what it has and takes no more. */
  | 'stopping';

/** The phase that the service is in, and its changes. */
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
