import { UsageError } from '../exit.ts';
import type { OwnDirectory } from '../io.ts';

/** Why a path is not read or written; undefined if nothing speaks against it. */
export function faultOf(own: OwnDirectory | undefined, path: string): string | undefined {
  return own?.holds(path) ? `must not lie in the data directory ${own.path}` : undefined;
}

/** To be called before a path is opened, and each time. @throws UsageError for one that leads into the data directory. */
export function requireOutside(own: OwnDirectory | undefined, path: string, shown = path): void {
  const fault = faultOf(own, path);
  if (fault !== undefined) throw new UsageError(`${shown}: ${fault}`);
}

/** What is to be called before a path is opened that the error need not name. It throws UsageError. */
export function outsideOnly(own: OwnDirectory | undefined): (path: string) => void {
  return (path) => {
    const fault = faultOf(own, path);
    if (fault !== undefined) throw new UsageError(fault);
  };
}
