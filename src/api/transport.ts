import { createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Principal } from '../domain/principal.ts';
import type { PeerCertificate, Presented } from '../identity/authentication.ts';

/**
 * The way by which a call came. Callers in this process or on the local socket could also read the data directory;
 * callers on the network could not. A `replica` is another process that serves the same store.
 */
export type TransportKind = 'memory' | 'socket' | 'network' | 'replica';

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

/** Looks up a header of the request; undefined if it has none. Where a server sets it, no others need to be made. */
export const headerKey = createContextKey<((name: string) => string | undefined) | undefined>(undefined, {
  description: 'looks up a header of the request',
});

/** Aborts the signal of a call. Where a server sets it, a limit of time needs no signal of its own. */
export const endKey = createContextKey<((reason: Error) => void) | undefined>(undefined, {
  description: 'ends the call',
});

/** The bytes of the request, of a call from another replica: what they were proves who has sent them. */
export const messageKey = createContextKey<Uint8Array | undefined>(undefined, {
  description: 'the bytes of the request',
});

/** A caller that was authenticated. */
export type Caller = Principal;

/** The caller, if the server knows it without credentials of the call: the maker of a ticket. */
export const knownCallerKey = createContextKey<Caller | undefined>(undefined, {
  description: 'the caller that the server has authenticated',
});

/** The header with which an operator names the namespace to act in. */
export const namespaceHeader = 'artifacta-namespace';

/** Returns the credentials that came with a call. */
export function presentedBy(context: Pick<HandlerContext, 'requestHeader' | 'values'>): Presented {
  const { values } = context;
  const header = values.get(headerKey) ?? ((name) => context.requestHeader.get(name) ?? undefined);
  return {
    authorization: header('authorization'),
    header,
    namespace: header(namespaceHeader),
    certificate: values.get(peerCertificateKey),
    address: values.get(remoteAddressKey),
    isLocal: isLocal(values.get(transportKey)),
  };
}

function isLocal(transport: TransportKind): boolean {
  return transport === 'memory' || transport === 'socket';
}
