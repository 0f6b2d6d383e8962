import { createContextKey } from '@connectrpc/connect';

/**
 * By which way a call came. Whoever can call in this process or on the local socket could as well read the data
 * directory; on the network that is not so.
 */
export type Door = 'memory' | 'socket' | 'network';

/** Where a server says by which of its doors a call came; calls within the process say nothing. */
export const doorKey = createContextKey<Door>('memory', { description: 'the door by which a call came' });
