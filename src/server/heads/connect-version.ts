/** The version of Connect that a call declares. The library reads it only if it requires it. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ConnectError } from '@connectrpc/connect';
import { badHeader } from '../refusals.ts';

const spoken = 'the version that this service supports, or be left out';

/** @returns the refusal of a call that declares a version other than 1, in its head or in the query of a GET. */
export function refusedVersion(
  headers: IncomingHttpHeaders,
  query: URLSearchParams | undefined,
): ConnectError | undefined {
  const { 'connect-protocol-version': version } = headers;
  if (version !== undefined && version !== '1')
    return badHeader('connect-protocol-version', `must be 1, ${spoken}`);
  const parameter = query?.get('connect') ?? 'v1';
  return parameter === 'v1' ? undefined : badHeader('connect', `must be v1, ${spoken}`);
}
