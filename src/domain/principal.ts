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

/** Who calls where no authentication is configured: everybody on the loopback interface. */
export function localOperator(namespace: Namespace): Principal {
  return { subject: 'local', namespace, scopes: new Set<Scope>(['read', 'write', 'share']), operator: true };
}
