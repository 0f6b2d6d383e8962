import type { ContextValues } from '@connectrpc/connect';

/** Admits a caller of something that has no handler behind the guard, or throws. @throws ConnectError */
export type Admit = (header: Headers, values: ContextValues) => Promise<void>;

/** Admits every caller. */
export const admitAll: Admit = async () => undefined;
