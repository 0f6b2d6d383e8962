/**
 * Who decides: a namespace has one owner at a time, the process in which its transactions are decided. The empty name is
 * the store as a whole: its settings.
 */
import { Failure } from '../domain/errors.ts';

/** The place where the transactions of a namespace are decided. */
export type Owner =
  | { readonly isHere: true }
  /** @param address `host:port` of the process that decides. */
  | { readonly isHere: false; readonly address: string };

/** The owners of an index, as one of its processes knows them. */
export interface Owners {
  /**
   * Returns the owner of a namespace. If none owns it, and this process should, this process owns it from now on.
   *
   * @throws Failure STORE_UNAVAILABLE if the owners cannot be read, NOT_OWNER while the namespace is on its way from one
   *   process to another.
   */
  ownerOf(ns: string): Promise<Owner>;
  /** Drops what is known about a namespace: a call to its owner has failed, or was refused with NOT_OWNER. */
  forget(ns: string): void;
  /** Calls `listener` whenever this process has become the owner of a namespace. */
  onTaken(listener: (ns: string) => void): void;
  /** Says that this process takes calls now, so that it may be given namespaces. @throws Failure STORE_UNAVAILABLE */
  serve(): Promise<void>;
  /** Gives every namespace up, and takes no other: the process is about to stop. Never rejects. */
  leave(): Promise<void>;
}

/** The owners of an index that one process has for itself. */
export const soleOwner: Owners = {
  ownerOf: async () => here,
  forget: () => undefined,
  onTaken: () => undefined,
  serve: async () => undefined,
  leave: async () => undefined,
};

/** This process. */
export const here: Owner = { isHere: true };

/** Returns the failure of a transaction about a namespace that another process owns. Nothing was done. */
export function notOwner(ns: string, owner: string | undefined): Failure {
  const thing = ns === '' ? 'the store as a whole' : `the namespace ${ns}`;
  return new Failure(
    'NOT_OWNER',
    owner === undefined
      ? `no replica decides about ${thing} at the moment; try again`
      : `another replica decides about ${thing}; try again`,
    { retryAfterMs: 200, metadata: owner === undefined ? {} : { owner } },
  );
}
