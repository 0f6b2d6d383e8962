import { type ContextValues, createContextValues } from '@connectrpc/connect';
import { type Door, doorKey, peerCertificateKey, remoteAddressKey } from '../api/door.ts';
import { certificateOf, type PeerSocket } from './peer-certificate.ts';

/** What a server tells the handlers of a call: by which door it came, from where, and what TLS has verified. */
export function callValues(door: Door, socket: PeerSocket | undefined): ContextValues {
  const values = createContextValues().set(doorKey, door);
  if (door !== 'network' || socket === undefined) return values;
  return values.set(remoteAddressKey, socket.remoteAddress).set(peerCertificateKey, certificateOf(socket));
}
