/** How the messages of requests may be compressed, the same on every transport. Answers never are. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ConnectError } from '@connectrpc/connect';
import { refusal } from '../refusals.ts';

/** `identity` is not compressed. */
export type Encoding = 'identity' | 'gzip';

/** The encodings as headers list them. */
export const acceptedEncodings = 'identity,gzip';

/** The header that names the encoding of a request, and the header of the answer that lists the accepted ones. */
export interface EncodingHeaders {
  readonly named: string;
  readonly accepted: string;
}

/** The headers of gRPC and gRPC-Web. */
export const grpcEncoding: EncodingHeaders = { named: 'grpc-encoding', accepted: 'grpc-accept-encoding' };
/** The headers of Connect's streams. */
export const connectStreamEncoding: EncodingHeaders = {
  named: 'connect-content-encoding',
  accepted: 'connect-accept-encoding',
};
/** The headers of HTTP: the whole body is compressed. */
export const bodyEncoding: EncodingHeaders = { named: 'content-encoding', accepted: 'accept-encoding' };

/** Returns the encoding that a header names, or why it is not accepted. */
export function encodingIn(
  headers: IncomingHttpHeaders,
  { named, accepted }: EncodingHeaders,
): Encoding | ConnectError {
  return encodingNamed(named, headers[named], accepted);
}

/** Returns the encoding with that name, or why it is not accepted. @param where the name of the header or parameter. */
export function encodingNamed(
  where: string,
  value: string | readonly string[] | null | undefined,
  accepted: string,
): Encoding | ConnectError {
  const name = String(value ?? '')
    .trim()
    .toLowerCase();
  if (name === '' || name === 'identity') return 'identity';
  if (name === 'gzip') return name;
  const error = refusal(
    'NOT_IMPLEMENTED',
    `${where}: must be one of ${acceptedEncodings.replace(',', ' and ')}`,
  );
  error.metadata.set(accepted, acceptedEncodings);
  return error;
}

/** The head and trailer of gzip, around the compressed bytes. */
const gzipBytesMin = 18;
/** No byte of deflate stands for more: 258 bytes may take two bits. */
const deflateRatioMax = 1_032;

/** Returns the most that this number of bytes of gzip may contain, and no more than a message may. */
export function mostInflated(bytes: number, messageBytesMax: number): number {
  return Math.min(messageBytesMax, deflateRatioMax * Math.max(0, bytes - gzipBytesMin));
}

/**
 * Returns the most bytes that a message may arrive in. A message that cannot be made smaller is a little larger when it
 * is compressed.
 */
export function wireBytesMax(isCompressed: boolean, messageBytesMax: number): number {
  return isCompressed ? messageBytesMax + Math.ceil(messageBytesMax / 256) + 64 : messageBytesMax;
}
