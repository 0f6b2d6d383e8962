import { createClient, type Transport } from '@connectrpc/connect';
import { TicketKind, type Ticket as TicketMessage } from '../../../gen/artifacta/v1/ticket_pb.ts';
import { TicketService } from '../../../gen/artifacta/v1/ticket_service_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, unary } from '../wire/calls.ts';
import { dateOf, durationOf } from '../wire/times.ts';
import { type ArtifactRef, refMessage } from './artifact.ts';
import { type PushSpec, specMessage } from './push-spec.ts';

/** The one thing that a ticket is for. */
export type TicketTarget =
  /** `read`: GET the content of one artifact. `preview`: the same, shown in an origin of its own. */
  | { readonly kind: 'read' | 'preview'; readonly artifact: ArtifactRef }
  /** GET the latest artifacts of a session as a zip file. */
  | { readonly kind: 'archive'; readonly session: string }
  /** PUT the bytes of one artifact, which is described here. */
  | {
      readonly kind: 'push';
      readonly spec: Omit<PushSpec, 'requestId'>;
      /** The most bytes. Default: the limit of the service. */
      readonly maxBytes?: number | undefined;
    };

/** A URL for one thing, without other credentials. It cannot be revoked, and it ends after five minutes at most. */
export interface Ticket {
  /** `tkt_…`: identifies the ticket, and is not a secret. */
  readonly id: string;
  readonly kind: TicketTarget['kind'];
  /** The path to append to the address of the HTTP listener. A secret. */
  readonly path: string;
  /** The whole URL. Undefined: the service does not know its public address. */
  readonly uri: string | undefined;
  /**
   * The URL below the address at which the service itself listens for HTTP. Undefined: the service has no HTTP
   * listener, or does not report it.
   */
  readonly localUri: string | undefined;
  readonly expireTime: Date;
  /** `read` and `preview`: the length of the content. `push`: the most bytes, if the ticket has a limit of its own. */
  readonly size: number | undefined;
  /** `read` and `preview`: `sha-256:` and 64 hexadecimal digits. */
  readonly digest: string | undefined;
}

/** The life of a ticket. */
export interface TicketOptions extends CallSettings {
  /** From 1 second to 5 minutes, in milliseconds. Default 5 minutes. */
  readonly ttlMs?: number | undefined;
  /** Fail if `uri` is not known. Default false. */
  readonly requireUri?: boolean;
}

const kinds = {
  read: TicketKind.READ,
  preview: TicketKind.PREVIEW,
  archive: TicketKind.ARCHIVE,
  push: TicketKind.PUSH,
} as const;

/** Makes a ticket. @internal */
export async function createTicket(
  calls: Pick<Calls, 'retry' | 'timeoutMs'>,
  transport: Transport,
  target: TicketTarget,
  options: TicketOptions,
): Promise<Ticket> {
  const request = {
    kind: kinds[target.kind],
    target: targetMessage(target),
    requireUri: options.requireUri ?? false,
    ...(options.ttlMs === undefined ? {} : { ttl: durationOf(options.ttlMs) }),
  };
  const tickets = createClient(TicketService, transport);
  const { ticket } = await unary(calls, options, (call) => tickets.createTicket(request, call));
  if (ticket === undefined) throw new ArtifactaError('the answer has no ticket', { code: 'INTERNAL' });
  return ticketFrom(target.kind, ticket);
}

function targetMessage(target: TicketTarget) {
  if (target.kind === 'archive') return { case: 'session', value: target.session } as const;
  if (target.kind !== 'push') return { case: 'artifact', value: refMessage(target.artifact) } as const;
  const spec = specMessage(target.spec, '', {});
  const maxBytes = target.maxBytes === undefined ? {} : { maxBytes: BigInt(target.maxBytes) };
  return { case: 'push', value: { spec, ...maxBytes } } as const;
}

function ticketFrom(kind: Ticket['kind'], message: TicketMessage): Ticket {
  const { id, path, uri, localUri, expireTime, size, digest } = message;
  const known = (text: string) => (text === '' ? undefined : text);
  const hasSize = kind !== 'archive' && !(kind === 'push' && size === 0n);
  return {
    id,
    kind,
    path,
    uri: known(uri),
    localUri: known(localUri),
    expireTime: dateOf(expireTime) ?? new Date(0),
    size: hasSize ? Number(size) : undefined,
    digest: known(digest),
  };
}
