/** Tickets in the form that tools answer with: the names are those of MCP's draft of file transfer. */
import * as z from 'zod/v4';
import type { TicketTarget } from '../../client/artifacts/tickets.ts';
import type { Store } from '../../client/store.ts';
import { BadArgument } from '../tool-error.ts';

/** A ticket in an answer. */
export const ticketData = z
  .object({
    id: z.string(),
    uri: z.string().describe('opens without other credentials, for minutes'),
    size: z.number().int().optional().describe('bytes to read, or the most to send'),
    digest: z.string().optional(),
    expire_time: z.string(),
  })
  .describe('A URL for a program, such as curl, to move the bytes with');

/**
 * Makes a ticket, and returns it for an answer. @param instead what a caller can do where no HTTP is served.
 *
 * @throws BadArgument if the ticket would lead nowhere, ArtifactaError.
 */
export async function ticketFor(
  store: Store,
  target: TicketTarget,
  instead: string,
  signal: AbortSignal,
): Promise<z.infer<typeof ticketData>> {
  const { id, uri: publicUri, localUri, size, digest, expireTime } = await store.ticket(target, { signal });
  const uri = publicUri ?? localUri;
  if (uri === undefined)
    throw new BadArgument('ticket', `cannot be made, since the store serves no HTTP: ${instead}`);
  return {
    id,
    uri,
    ...(size !== undefined && { size }),
    ...(digest !== undefined && { digest }),
    expire_time: expireTime.toISOString(),
  };
}
