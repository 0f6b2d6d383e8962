/** Gzip to bytes, never more of them than the caller allows. */
import { Buffer } from 'node:buffer';
import { gunzip } from 'node:zlib';
import { messageTooLarge, toConnectError } from '../../api/errors.ts';
import { malformedMessages } from '../refusals.ts';

/** The number of inflations at once. Each takes a thread that the disk needs too. */
const atOnceMax = 4;

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Returns the content of `bytes`. No bytes have no content.
 *
 * @throws ConnectError MESSAGE_TOO_LARGE beyond `bytesMax`, INVALID_ARGUMENT for bytes that are not gzip, or not all of
 * it.
 */
export async function inflate(bytes: Uint8Array, bytesMax: number): Promise<Buffer> {
  if (bytes.length === 0) return Buffer.alloc(0);
  if (running === atOnceMax) await new Promise<void>((resolve) => void waiting.push(resolve));
  else running++;
  try {
    return await unpack(bytes, bytesMax);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function unpack(bytes: Uint8Array, bytesMax: number): Promise<Buffer> {
  const options = { maxOutputLength: Math.max(1, bytesMax), chunkSize: chunkBytes(bytes, bytesMax) };
  return new Promise((resolve, reject) => {
    gunzip(bytes, options, (error, inflated) => {
      if (error === null) resolve(inflated);
      else reject(refused(error));
    });
  });
}

/**
 * Returns the announced size of the content, so that it comes in one piece. A size that is too large gets no more than
 * is allowed.
 */
function chunkBytes(bytes: Uint8Array, bytesMax: number): number {
  const { buffer, byteOffset, length } = bytes;
  const said = length < 4 ? 0 : new DataView(buffer, byteOffset).getUint32(length - 4, true);
  return Math.max(64, Math.min(said, bytesMax) + 1);
}

function refused(error: NodeJS.ErrnoException): Error {
  if (error.code === 'ERR_BUFFER_TOO_LARGE') return toConnectError(messageTooLarge());
  return malformedMessages(
    'must be complete gzip if it is marked as compressed; a message is not gzip, or is cut off',
  );
}
