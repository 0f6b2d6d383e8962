/** Tickets in the form that tools answer with: the names are those of MCP's draft of file transfer. */
import * as z from 'zod/v4';
import type { Ticket } from '../context.ts';

/** A ticket in an answer. */
export const ticketData = z
  .object({
    id: z.string(),
    path: z.string().describe('to append to the address of the HTTP listener, if uri is missing'),
    uri: z.string().optional().describe('opens without other credentials, for minutes'),
    size: z.number().int().optional().describe('bytes to read, or the most to send'),
    digest: z.string().optional(),
    expire_time: z.string().optional(),
  })
  .describe('A URL for a program, such as curl, to move the bytes with');

/** Returns a ticket for an answer. */
export function dataOfTicket({
  id,
  path,
  uri,
  size,
  digest,
  expireTime,
}: Ticket): z.infer<typeof ticketData> {
  return {
    id,
    path,
    ...(uri !== undefined && { uri }),
    ...(size !== undefined && { size }),
    ...(digest !== undefined && { digest }),
    ...(expireTime !== undefined && { expire_time: expireTime.toISOString() }),
  };
}
