import { type StorePause, StorePause_Cause } from '../../../gen/artifacta/v1/store_pb.ts';
import { nameIn } from '../wire/enums.ts';

/** A reason for which maintenance that cannot be undone waits. */
export interface Pause {
  readonly id: string;
  readonly cause: string;
  readonly message: string;
}

/** Returns the pause in a message. */
export function pauseFrom({ id, cause, message }: StorePause): Pause {
  return { id, cause: nameIn(StorePause_Cause, cause), message };
}
