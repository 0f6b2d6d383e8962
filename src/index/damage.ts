/** The index as a whole cannot be trusted: commits are missing, or what LevelDB keeps is damaged. */
import { createHash } from 'node:crypto';
import { Failure } from '../domain/errors.ts';

/** What is known about a loss. Commit numbers are those of the batches. */
export interface Loss {
  /** Names this loss: the same whenever the same is found, another one when more is. */
  readonly id: string;
  /** The first commit that is missing; 0 if that cannot be told. */
  readonly firstCommit: number;
  /** The last commit that is known to have been durable; 0 if none is. */
  readonly lastCommit: number;
  /** When the newest commit that is there was written, in milliseconds since the Unix epoch; 0 if that cannot be told. */
  readonly lastIntactTime: number;
  /** How it was found, for people. */
  readonly message: string;
  /** Nothing of the index is left, not even its mark: whatever takes its place replaces nothing. Default false. */
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
