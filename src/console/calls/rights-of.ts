/** What a caller may do, from what the service says about the caller. */
import { Scope } from '../../../gen/artifacta/v1/api_key_pb.ts';
import type { Caller } from '../../../gen/artifacta/v1/caller_pb.ts';

/** The rights that decide which actions are shown. */
export interface Rights {
  /** Push, and change artifacts. */
  readonly canWrite: boolean;
  /** Seal, hold and delete sessions, and change them in other ways. */
  readonly canWriteSessions: boolean;
  /** Undefined: not known yet. */
  readonly canShare: boolean | undefined;
  /** Whether the service serves everyone who reaches it, with no credentials. */
  readonly isGuest: boolean;
}

/** The name of callers without credentials. */
const guest = 'local';

/** Returns what a caller may do. */
export function rightsOf({ subject, scopes, isOperator, namePrefix }: Caller): Rights {
  const has = (scope: Scope) => isOperator || scopes.includes(scope);
  const canWrite = has(Scope.WRITE);
  return {
    canWrite,
    canWriteSessions: canWrite && namePrefix === '',
    canShare: has(Scope.SHARE),
    isGuest: subject === guest && !isOperator,
  };
}
