import { type ContextValues, createContextValues } from '@connectrpc/connect';
import { excuseKey } from '../api/receiving/client-stream.ts';
import type { ReceivedRequest } from '../api/receiving/received-request.ts';
import { answerKey, type UnsentAnswer } from '../api/sending/unsent-answer.ts';
import { peerCertificateKey, remoteAddressKey, type TransportKind, transportKey } from '../api/transport.ts';
import { certificateOf, type PeerSocket } from './peer-certificate.ts';

/**
 * Returns the values that a server gives the handlers of a call: its transport, its address, what TLS has verified, and
 * the counters of its answer and of its request.
 */
export function callValues(
  transport: TransportKind,
  socket: PeerSocket | undefined,
  answer: UnsentAnswer | undefined,
  received?: ReceivedRequest,
): ContextValues {
  const values = createContextValues().set(transportKey, transport).set(answerKey, answer);
  if (received !== undefined) values.set(excuseKey, (ms) => received.isExcused(ms));
  if (transport !== 'network' || socket === undefined) return values;
  return values.set(remoteAddressKey, socket.remoteAddress).set(peerCertificateKey, certificateOf(socket));
}
