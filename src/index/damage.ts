/** The index as a whole cannot be trusted: commits are missing, or files of LevelDB are damaged. */
import { createHash } from 'node:crypto';
import { Failure } from '../domain/errors.ts';

/** The known facts about a loss. Commit numbers are those of the batches. */
export interface Loss {
  /** The id of this loss: the same whenever the same loss is found, another one when more is lost. */
  readonly id: string;
  /** The first commit that is missing; 0 if it is not known. */
  readonly firstCommit: number;
  /** The last commit that is known to have been durable; 0 if none is. */
  readonly lastCommit: number;
  /**
   * The time when the newest existing commit was written, in milliseconds since the Unix epoch; 0 if it is not known.
   */
  readonly lastIntactTime: number;
  /** The way in which the loss was found, for people. */
  readonly message: string;
  /**
   * True: nothing of the index is left, not even its mark. An index that takes its place replaces nothing. Default
   * false.
   */
  readonly isGone?: boolean;
}

/** Nothing may be served from the index any more; it can still be salvaged or replaced. */
export class IndexDamaged extends Failure {
  readonly loss: Loss;

  constructor(message: string, known: Partial<Omit<Loss, 'id' | 'message'>> = {}, cause?: unknown) {
    const { firstCommit = 0, lastCommit = 0, lastIntactTime = 0, isGone = false } = known;
    const id = createHash('sha256')
      .update(JSON.stringify([message, firstCommit, lastCommit]))
      .digest('hex')
      .slice(0, 16);
    super('DATA_LOSS', message, { metadata: { loss: id }, ...(cause === undefined ? {} : { cause }) });
    this.name = 'IndexDamaged';
    this.loss = { id, firstCommit, lastCommit, lastIntactTime, message, isGone };
  }
}
