/** Sessions whose lease has lapsed: whoever needs that to be written down does it first. */
import type { SessionUid } from '../domain/ids.ts';
import type { Pauses } from './pauses.ts';
import { SessionLapsed } from './session-life.ts';

export class Lapses {
  private readonly pauses: Pauses;
  private readonly seal: (ns: string, uid: SessionUid) => Promise<boolean>;

  /** @param seal seals a session whose lease has lapsed, and resolves when it is; false if none has. */
  constructor(pauses: Pauses, seal: (ns: string, uid: SessionUid) => Promise<boolean>) {
    this.pauses = pauses;
    this.seal = seal;
  }

  /** Seals the session as of its lapse; false if it has not lapsed, or such seals have to wait. */
  async perform(ns: string, uid: SessionUid): Promise<boolean> {
    if ((await this.pauses.holding('reap')).some(({ cause }) => cause === 'clockSuspect')) return false;
    return await this.seal(ns, uid);
  }

  /** What `work` gives, done again once if it met a session whose lapse nobody had written down. */
  async settled<T>(ns: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SessionLapsed) || !(await this.perform(ns, error.uid))) throw error;
      return await work();
    }
  }
}
