/** This process has lost its lock on the index: another process may have the index open by now. */
import { Failure } from '../domain/errors.ts';

/** Nothing may be written any more, and nothing opened again. Only a new process can continue. */
export class LockLost extends Failure {
  /** @param path the path of the lock's file. */
  constructor(path: string) {
    super(
      'STORE_UNAVAILABLE',
      `this process has lost its lock ${path}: something in it opened and closed that file, and another process may have the store open now; nothing more is written, start the process again`,
      { metadata: { lock: 'lost' } },
    );
    this.name = 'LockLost';
  }
}
