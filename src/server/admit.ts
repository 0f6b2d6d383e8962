import type { ContextValues } from '@connectrpc/connect';

/** Lets a caller of what has no handler behind the guard in, or not. @throws ConnectError */
export type Admit = (header: Headers, values: ContextValues) => Promise<void>;

/** Lets everybody in. */
export const admitAll: Admit = async () => undefined;
