import { createContextKey } from '@connectrpc/connect';
import type { PeerCertificate } from '../identity/authentication.ts';

/**
 * The way by which a call came. Callers in this process or on the local socket could also read the data directory;
 * callers on the network could not.
 */
export type TransportKind = 'memory' | 'socket' | 'network';

/** The key under which a server records the transport of a call. Calls within the process record no transport. */
export const transportKey = createContextKey<TransportKind>('memory', {
  description: 'the transport by which a call came',
});

/** The client's certificate, if it sent one and TLS has verified it. */
export const peerCertificateKey = createContextKey<PeerCertificate | undefined>(undefined, {
  description: 'the verified certificate of the client',
});

/** The IP address that a call came from; undefined if only this machine can call in that way. */
export const remoteAddressKey = createContextKey<string | undefined>(undefined, {
  description: 'the address that a call came from',
});
