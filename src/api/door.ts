import { createContextKey } from '@connectrpc/connect';
import type { PeerCertificate } from '../identity/authentication.ts';

/**
 * By which way a call came. Whoever can call in this process or on the local socket could as well read the data
 * directory; on the network that is not so.
 */
export type Door = 'memory' | 'socket' | 'network';

/** Where a server says by which of its doors a call came; calls within the process say nothing. */
export const doorKey = createContextKey<Door>('memory', { description: 'the door by which a call came' });

/** The client's certificate, if it showed one and TLS has verified it. */
export const peerCertificateKey = createContextKey<PeerCertificate | undefined>(undefined, {
  description: 'the verified certificate of the client',
});

/** The IP address that a call came from; undefined where it came from this machine alone. */
export const remoteAddressKey = createContextKey<string | undefined>(undefined, {
  description: 'the address that a call came from',
});
