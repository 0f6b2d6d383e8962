/** The limits for a message from a client, applied before it is decoded: see docs/decisions/0036-fields.md. */
import { isUtf8 } from 'node:buffer';
import type { DescMessage } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { messageTooLong, toConnectError } from '../errors.ts';
import { turn } from '../timer.ts';
import { binaryFault } from './binary-faults.ts';
import { countFields } from './fields.ts';
import { jsonFault } from './json-faults.ts';
import { requireTimes } from './times.ts';
import { countTokens } from './tokens.ts';

/** The format of a message. */
export type Form = 'binary' | 'json';

/** A message with more fields is decoded in a turn of its own: several together would block the event loop. */
const fieldsPerTurn = 256;

/**
 * Admits a message, already inflated, to be decoded: at once (undefined), or in a turn of the event loop that no other
 * message gets.
 *
 * @throws ConnectError INVALID_ARGUMENT if it has more fields and elements, or longer texts, than any request may have,
 * or, in JSON, a time that does not exist.
 */
export function admitMessage(desc: DescMessage, form: Form, bytes: Uint8Array): Promise<void> | undefined {
  return countIn(desc, form, bytes) > fieldsPerTurn ? turn() : undefined;
}

/** Does the same for a message that another library decodes and that has no more than a name. @throws ConnectError */
export function admitName(bytes: Uint8Array): void {
  if (bytes.length > limits.messageTextBytesMax) throw toConnectError(messageTooLong());
}

/** Returns why a message must not be decoded; undefined if it may be. */
export function refusalOf(desc: DescMessage, form: Form, bytes: Uint8Array): ConnectError | undefined {
  try {
    countIn(desc, form, bytes);
    return undefined;
  } catch (error) {
    return error as ConnectError;
  }
}

/** Returns why a message that was admitted cannot be decoded: the first field with a fault. */
export async function undecodable(desc: DescMessage, form: Form, bytes: Uint8Array): Promise<ConnectError> {
  const { field, description } = form === 'binary' ? binaryFault(desc, bytes) : await jsonFault(desc, bytes);
  return toConnectError(invalid(field, description));
}

function countIn(desc: DescMessage, form: Form, bytes: Uint8Array): number {
  try {
    if (form === 'binary') return countFields(desc, bytes);
    // The library would read U+FFFD for bytes that are not UTF-8.
    if (!isUtf8(bytes)) throw invalid('request', 'must be a JSON object in UTF-8');
    const count = countTokens(desc, bytes);
    requireTimes(desc, bytes);
    return count;
  } catch (error) {
    throw error instanceof Failure ? toConnectError(error) : error;
  }
}
