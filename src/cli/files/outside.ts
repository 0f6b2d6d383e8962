import { UsageError } from '../exit.ts';
import type { OwnDirectory } from '../io.ts';

/** Returns why a path is not read or written; undefined if it may be. */
export function faultOf(own: OwnDirectory | undefined, path: string): string | undefined {
  return own?.contains(path) ? `must not be in the data directory ${own.path}` : undefined;
}

/**
 * Refuses a path in the data directory. Must be called before a path is opened, each time. @throws UsageError for a
 * path that leads into the data directory.
 */
export function requireOutside(own: OwnDirectory | undefined, path: string, shown = path): void {
  const fault = faultOf(own, path);
  if (fault !== undefined) throw new UsageError(`${shown}: ${fault}`);
}

/** Returns the check to call before a path is opened, if the error need not name the path. It throws UsageError. */
export function outsideOnly(own: OwnDirectory | undefined): (path: string) => void {
  return (path) => {
    const fault = faultOf(own, path);
    if (fault !== undefined) throw new UsageError(fault);
  };
}
