/** What a message from a client may hold, decided before it is decoded: see docs/decisions/0036-fields.md. */
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

/** How a message is written. */
export type Form = 'binary' | 'json';

/** A message with more is decoded in a turn of its own: several that come together would hold the event loop. */
const fieldsPerTurn = 256;

/**
 * Lets a message be decoded, as it is after it was inflated; at once, or in a turn of the event loop that no other gets.
 *
 * @throws ConnectError INVALID_ARGUMENT if it has more fields and elements, or longer texts, than any request may have, or in JSON a
 * time that does not exist.
 */
export async function admitMessage(desc: DescMessage, form: Form, bytes: Uint8Array): Promise<void> {
  if (countIn(desc, form, bytes) > fieldsPerTurn) await turn();
}

/** The same for a message that another library decodes, and that holds no more than a name. @throws ConnectError */
export function admitName(bytes: Uint8Array): void {
  if (bytes.length > limits.messageTextBytesMax) throw toConnectError(messageTooLong());
}

/** Why a message must not be decoded; undefined if it may be. */
export function refusalOf(desc: DescMessage, form: Form, bytes: Uint8Array): ConnectError | undefined {
  try {
    countIn(desc, form, bytes);
    return undefined;
  } catch (error) {
    return error as ConnectError;
  }
}

/** Why a message that was admitted cannot be decoded: the first field that is at fault. */
export async function undecodable(desc: DescMessage, form: Form, bytes: Uint8Array): Promise<ConnectError> {
  const { field, description } = form === 'binary' ? binaryFault(desc, bytes) : await jsonFault(desc, bytes);
  return toConnectError(invalid(field, description));
}

function countIn(desc: DescMessage, form: Form, bytes: Uint8Array): number {
  try {
    if (form === 'binary') return countFields(desc, bytes);
    // The library would read U+FFFD for what is none.
    if (!isUtf8(bytes)) throw invalid('request', 'must be a JSON object in UTF-8');
    const count = countTokens(desc, bytes);
    requireTimes(desc, bytes);
    return count;
  } catch (error) {
    throw error instanceof Failure ? toConnectError(error) : error;
  }
}
