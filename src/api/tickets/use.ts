/** The use of tickets, for a server to offer: what a ticket is good for, and on whose behalf. */
import { fromBinary } from '@bufbuild/protobuf';
import { type ArtifactSpec, ArtifactSpecSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Ticket } from '../../domain/ticket.ts';
import { toConnectError } from '../errors.ts';
import type { GuardOptions } from '../guard.ts';
import type { Caller } from '../transport.ts';

/** The name of refused tickets in the log and the metrics. Used ones count as the calls that they make. */
export const ticketMethod = 'http/UseTicket';

/** The one thing that a ticket is good for. */
type TicketUse =
  | { readonly kind: 'read' | 'preview'; readonly artifactId: string }
  | { readonly kind: 'archive'; readonly session: string }
  /** The description has the id of the ticket as its request id. */
  | { readonly kind: 'push'; readonly spec: ArtifactSpec };

/**
 * Returns the use of a ticket, and the caller on whose behalf it is used.
 *
 * @param address the address that it came from. @throws ConnectError that the caller may get.
 */
export type TakeTicket = (
  token: string,
  address: string | undefined,
) => Promise<{ readonly use: TicketUse; readonly caller: Caller }>;

/** Returns the taker of tickets. @param take authenticates a ticket. @param options the receiver of refusals. */
export function ticketUses(
  take: (token: string, address: string | undefined) => Promise<Ticket>,
  { onCall, elapsed }: GuardOptions,
): TakeTicket {
  return async (token, address) => {
    const startedMs = elapsed();
    try {
      if (token.length > limits.tokenBytesMax)
        throw new Failure('UNAUTHENTICATED', 'this ticket is not valid: get a new one by CreateTicket');
      const ticket = await take(token, address);
      return { use: useOf(ticket), caller: ticket.principal };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const durationMs = elapsed() - startedMs;
      const outcome = error.reason;
      onCall({
        method: ticketMethod,
        transport: 'network',
        namespace: '',
        subject: 'ticket',
        outcome,
        durationMs,
      });
      throw toConnectError(error);
    }
  };
}

function useOf({ id, kind, target }: Ticket): TicketUse {
  if (kind === 'archive') return { kind, session: target };
  if (kind !== 'push') return { kind, artifactId: target };
  const spec = fromBinary(ArtifactSpecSchema, Buffer.from(target, 'base64url'));
  return { kind, spec: { ...spec, requestId: id } };
}
