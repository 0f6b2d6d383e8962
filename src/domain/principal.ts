import type { Namespace } from './names.ts';

/** What a principal may do in its namespace. */
export type Scope = 'read' | 'write' | 'share';

/** Who calls. Present in every operation of the store. */
export interface Principal {
  /** Stable within the namespace; retries are recognised per subject. */
  readonly subject: string;
  readonly namespace: Namespace;
  readonly scopes: ReadonlySet<Scope>;
  /** Every scope, maintenance and administration. */
  readonly operator: boolean;
}

const everything: ReadonlySet<Scope> = new Set<Scope>(['read', 'write', 'share']);

/** Who calls over the network where no authentication is configured: may use every namespace, but not the store itself. */
export function anonymous(namespace: Namespace): Principal {
  return { subject: 'local', namespace, scopes: everything, operator: false };
}

/** Who calls in the process that has the store open, or on its local socket: they could as well read its files. */
export function localOperator(namespace: Namespace): Principal {
  return { subject: 'local', namespace, scopes: everything, operator: true };
}
