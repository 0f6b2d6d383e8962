import { toBinary } from '@bufbuild/protobuf';
import { type Duration, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CreateTicketRequest,
  type PushTarget,
  TicketKind as WireKind,
} from '../../../gen/artifacta/v1/ticket_pb.ts';
import type { TicketService } from '../../../gen/artifacta/v1/ticket_service_pb.ts';
import { ArtifactSpecSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { parseSessionId, type SessionId } from '../../domain/names.ts';
import { guestSubject, type Principal, requirePushable } from '../../domain/principal.ts';
import type { TicketKind } from '../../domain/ticket.ts';
import { restrictedTo } from '../../identity/principal-claims.ts';
import type { Tickets } from '../../identity/tickets.ts';
import type { Artifacts } from '../../store/artifacts/artifacts.ts';
import type { Listing } from '../../store/queries/listing.ts';
import { within } from '../errors.ts';
import type { Handlers } from '../handlers.ts';
import { requireNeeded } from '../needs.ts';
import { parseDuration, parseRef, parseSize, parseSpec } from '../parse.ts';
import { below, requireUrl, type WebAddresses } from '../web-addresses.ts';

/** The parts of a store that TicketService uses. */
interface TicketParts {
  readonly artifacts: Artifacts;
  readonly listing: Listing;
}

/** The thing that a ticket is for, after it was found or checked. */
interface Target {
  readonly session: string;
  /** See {@link TicketGrant.target}. */
  readonly text: string;
  readonly size: number;
  readonly digest: string;
  /** The most bytes of an artifact that is pushed. Undefined: the limit of the store. */
  readonly bytesMax?: number | undefined;
}

const kinds: Readonly<Partial<Record<WireKind, TicketKind>>> = {
  [WireKind.READ]: 'read',
  [WireKind.PREVIEW]: 'preview',
  [WireKind.ARCHIVE]: 'archive',
  [WireKind.PUSH]: 'push',
};

/**
 * Returns the methods of TicketService. @param tickets the issuer of tickets. @param now the time in milliseconds since
 * the Unix epoch.
 */
export function ticketHandlers(
  parts: TicketParts,
  tickets: Tickets,
  { publicUrl, previewOrigin, localUrl }: WebAddresses,
  now: () => number,
): Handlers<typeof TicketService> {
  return {
    createTicket: async (request, { principal }) => {
      const kind = kinds[request.kind];
      if (kind === undefined) throw invalid('kind', 'must be READ, PREVIEW, ARCHIVE or PUSH');
      requireNeeded(principal, kind === 'push' ? 'write' : 'read');
      const end = now() + parseTicketTtl(request.ttl);
      const previewAt = kind === 'preview' ? previewOrigin : undefined;
      if (request.requireUri) requireUrl(previewAt ?? publicUrl, 'ticket');
      const target = await find(parts, kind, request.target, principal);
      const expireTime = Math.min(end, principal.expireTime ?? Number.POSITIVE_INFINITY);
      const { id, token } = await tickets.issue({
        kind,
        target: target.text,
        principal: limitedTo(principal, target),
        isGuests: principal.subject === guestSubject && !principal.operator,
        expireTime,
      });
      const path = `/t/${token}`;
      return {
        ticket: {
          id,
          kind: request.kind,
          path,
          uri: below(previewAt ?? publicUrl, path),
          localUri: below(localUrl(), path),
          previewOrigin: previewAt ?? '',
          expireTime: timestampFromMs(expireTime),
          size: BigInt(target.size),
          digest: target.digest,
        },
      };
    },
  };
}

function parseTicketTtl(ttl: Duration | undefined): number {
  if (ttl === undefined) return limits.ticketSecondsMax * 1000;
  const ms = parseDuration('ttl', ttl);
  if (!(ms >= 1000 && ms <= limits.ticketSecondsMax * 1000))
    throw invalid('ttl', `must be from 1 second to ${limits.ticketSecondsMax / 60} minutes`);
  return ms;
}

async function find(
  { artifacts, listing }: TicketParts,
  kind: TicketKind,
  target: CreateTicketRequest['target'],
  principal: Principal,
): Promise<Target> {
  if (kind === 'push') {
    if (target.case !== 'push') throw invalid('target', 'must be push for the kind PUSH');
    return await parsePush(target.value, principal);
  }
  if (kind === 'archive') {
    if (target.case !== 'session') throw invalid('target', 'must be session for the kind ARCHIVE');
    const session = parseSessionId('session', target.value);
    await listing.requireSession(principal, session);
    return { session, text: session, size: 0, digest: '' };
  }
  if (target.case !== 'artifact') throw invalid('target', 'must be artifact for the kinds READ and PREVIEW');
  const { id, session, sizeBytes, sha256 } = await artifacts.get(
    principal,
    parseRef('artifact', target.value),
  );
  return { session, text: id, size: sizeBytes, digest: `sha-256:${sha256}` };
}

async function parsePush({ spec: message, maxBytes }: PushTarget, principal: Principal): Promise<Target> {
  if (message !== undefined && message.requestId !== '')
    throw invalid('push.spec.request_id', 'must be empty: the id of the ticket takes its place');
  const spec = parseSpec('push.spec', message && { ...message, requestId: 'ticket' });
  const encoded = toBinary(ArtifactSpecSchema, message!);
  if (encoded.length > limits.ticketSpecBytesMax)
    throw invalid(
      'push.spec',
      `must have at most ${limits.ticketSpecBytesMax} bytes, not ${encoded.length}: give less metadata, or update the ` +
        'labels after the push',
    );
  if (maxBytes !== undefined && maxBytes <= 0n) throw invalid('push.max_bytes', 'must be positive');
  await within('push.spec', async () => requirePushable(principal, spec));
  const bytesMax = maxBytes === undefined ? undefined : parseSize('push.max_bytes', maxBytes);
  return {
    session: spec.session,
    text: Buffer.from(encoded).toString('base64url'),
    size: bytesMax ?? 0,
    digest: '',
    bytesMax,
  };
}

/**
 * Returns the maker as the ticket knows it: no operator, and nothing outside the session of the target exists for it. A
 * guest is charged by the address of the caller that uses the ticket.
 */
function limitedTo(maker: Principal, { session, bytesMax }: Target): Principal {
  const { payer, restriction, ...rest } = maker;
  const { sessionPrefixes: _, ...kept } = restriction ?? {};
  const limited = {
    ...kept,
    ...(restriction?.sessions === undefined ? {} : { sessions: new Set([session as SessionId]) }),
    ...(bytesMax === undefined ? {} : { artifactBytesMax: bytesMax }),
  };
  return {
    ...rest,
    operator: false,
    scopes: new Set([...maker.scopes].filter((scope) => scope !== 'share')),
    ...(maker.subject === guestSubject || payer === undefined ? {} : { payer }),
    ...restrictedTo(limited),
  };
}
