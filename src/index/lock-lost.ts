/** This process has lost its lock on the index: another process may have the index open by now. */
import { Failure } from '../domain/errors.ts';

/** Nothing may be written any more, and nothing opened again. Only a new process can continue. */
export class LockLost extends Failure {
  /** @param path the path of the lock's file. */
  constructor(path: string) {
    super(
      'STORE_UNAVAILABLE',
      `this process has lost its lock ${path}, because a part of the process opened and closed that ` +
        'file. Perhaps another process has the store open now. This process writes nothing more; start ' +
        'it again',
      { metadata: { lock: 'lost' } },
    );
    this.name = 'LockLost';
  }
}
