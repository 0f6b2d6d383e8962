/** This process has lost its lock on the index: another process may have the index open by now. */
import { Failure } from '../domain/errors.ts';

/** Nothing may be written any more, and nothing opened again. Only a new process can continue. */
export class LockLost extends Failure {
  /**
   * @param lock the path of the lock's file, or what it is a lock on.
   * @param how the way in which it was lost, as part of a sentence.
   */
  constructor(lock: string, how = 'a part of the process opened and closed that file') {
    super(
      'STORE_UNAVAILABLE',
      `this process has lost its lock ${lock}, because ${how}. Perhaps another process has the store open ` +
        'now. This process writes nothing more; start it again',
      { metadata: { lock: 'lost' } },
    );
    this.name = 'LockLost';
  }
}
