/** This process does not keep others from the index any more: somebody may have it open by now. */
import { Failure } from '../domain/errors.ts';

/** Nothing may be written any more, and nothing opened again; only another process can go on. */
export class LockLost extends Failure {
  /** @param path of the lock's file. */
  constructor(path: string) {
    super(
      'STORE_UNAVAILABLE',
      `this process has lost its lock ${path}, as by opening and closing that file; it writes nothing any more, since another one may have the store open`,
      { metadata: { lock: 'lost' } },
    );
    this.name = 'LockLost';
  }
}
