/**
 * `GET` and `HEAD /v1/sessions/{session}/artifacts/{name}`: the content that the latest PUT to the same path stored.
 */
import { ConnectError } from '@connectrpc/connect';
import { getContent } from './content-route.ts';
import { badField, renamed } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { PlainCalls } from './plain-calls.ts';
import type { PutPath } from './put-parameters.ts';
import { decodeText } from './request-target.ts';

/**
 * Answers the request. @throws HttpError, ConnectError before the answer has begun; a later failure breaks the answer
 * off.
 */
export async function getLatest(exchange: Exchange, path: PutPath, calls: PlainCalls): Promise<void> {
  if (exchange.target.query !== '')
    throw badField(
      'query',
      'must be empty: a GET by name takes no parameters, and returns the latest version',
    );
  const session = decodeText('session', path.session);
  const name = decodeText('name', path.name);
  try {
    await getContent(exchange, { case: 'name', value: { session, name } }, calls);
  } catch (error) {
    throw error instanceof ConnectError ? renamed(error, shortened) : error;
  }
}

/** Returns a text with the fields by their names in the path. */
function shortened(text: string): string {
  return text.replace(/^artifact\.name\.(session|name)/, '$1');
}
