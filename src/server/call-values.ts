import { type ContextValues, createContextValues } from '@connectrpc/connect';
import { type Door, doorKey, peerCertificateKey, remoteAddressKey } from '../api/door.ts';
import { answerKey, type UnsentAnswer } from '../api/sending/unsent-answer.ts';
import { certificateOf, type PeerSocket } from './peer-certificate.ts';

/**
 * Returns the values that a server gives the handlers of a call: its door, its address, what TLS has verified, and the
 * counter of its answer.
 */
export function callValues(
  door: Door,
  socket: PeerSocket | undefined,
  answer: UnsentAnswer | undefined,
): ContextValues {
  const values = createContextValues().set(doorKey, door).set(answerKey, answer);
  if (door !== 'network' || socket === undefined) return values;
  return values.set(remoteAddressKey, socket.remoteAddress).set(peerCertificateKey, certificateOf(socket));
}
