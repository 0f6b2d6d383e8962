/** Sessions whose lease has lapsed. An operation that needs the lapse to be written down writes it first. */
import type { SessionUid } from '../../domain/ids.ts';
import type { Index } from '../../index/door.ts';
import { ifHere } from '../rows/here.ts';
import type { LapseWriter } from '../rows/transaction.ts';

/** Writes lapses down, unless time may be wrong. */
export class Lapses implements LapseWriter {
  private readonly index: Index;
  private readonly isClockSuspect: () => boolean;
  private readonly seal: (ns: string, uid: SessionUid) => Promise<boolean>;

  /**
   * @param isClockSuspect returns true if time may be wrong: then no session is sealed for its lapse.
   * @param seal seals a session whose lease has lapsed, and resolves when it is sealed; false if the lease has not
   * lapsed.
   */
  constructor(
    index: Index,
    isClockSuspect: () => boolean,
    seal: (ns: string, uid: SessionUid) => Promise<boolean>,
  ) {
    this.index = index;
    this.isClockSuspect = isClockSuspect;
    this.seal = seal;
  }

  /** Seals the session as of its lapse. Returns false if it has not lapsed, or if such seals have to wait. */
  async perform(ns: string, uid: SessionUid): Promise<boolean> {
    if (this.isClockSuspect()) return false;
    return await this.seal(ns, uid);
  }

  /**
   * The same for callers that can wait. Returns false also if another process owns the namespace: its reaper seals the
   * session.
   */
  async performHere(ns: string, uid: SessionUid): Promise<boolean> {
    return (await ifHere(this.index, ns, () => this.perform(ns, uid))) ?? false;
  }
}
