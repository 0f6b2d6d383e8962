/** The number of calls that are being handled, and the time when none is. */
export class CallsInFlight {
  private active = 0;
  private idle: { promise: Promise<void>; resolve: () => void } | undefined;

  get count(): number {
    return this.active;
  }

  /** Counts `call` until it has settled. It must not reject. */
  track(call: Promise<void>): void {
    this.active++;
    void call.then(() => {
      this.active--;
      if (this.active > 0) return;
      this.idle?.resolve();
      this.idle = undefined;
    });
  }

  /** Resolves at the next instant at which no call is being handled; at once if none is now. */
  async whenIdle(): Promise<void> {
    if (this.active === 0) return;
    this.idle ??= Promise.withResolvers<void>();
    await this.idle.promise;
  }
}
