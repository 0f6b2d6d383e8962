/** Sessions whose lease has lapsed: whoever needs that to be written down does it first. */
import type { SessionUid } from '../../domain/ids.ts';
import type { LapseWriter } from '../rows/transaction.ts';

/** Writes lapses down, unless time may be wrong. */
export class Lapses implements LapseWriter {
  private readonly isClockSuspect: () => boolean;
  private readonly seal: (ns: string, uid: SessionUid) => Promise<boolean>;

  /**
   * @param isClockSuspect whether time may be wrong: nothing is sealed for its lapse then.
   * @param seal seals a session whose lease has lapsed, and resolves when it is; false if none has.
   */
  constructor(isClockSuspect: () => boolean, seal: (ns: string, uid: SessionUid) => Promise<boolean>) {
    this.isClockSuspect = isClockSuspect;
    this.seal = seal;
  }

  /** Seals the session as of its lapse; false if it has not lapsed, or such seals have to wait. */
  async perform(ns: string, uid: SessionUid): Promise<boolean> {
    if (this.isClockSuspect()) return false;
    return await this.seal(ns, uid);
  }
}
