/**
 * Addresses that open without a header: for frames, players and downloads, which cannot send a token. This is the one
 * place of the console that makes them. They are tickets, which end after five minutes: make one when it is used.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { type CreateTicketRequestSchema, TicketKind } from '../../../gen/artifacta/v1/ticket_pb.ts';
import { TicketService } from '../../../gen/artifacta/v1/ticket_service_pb.ts';
import { contentPath, transport } from './clients.ts';
import { rights } from './rights.ts';
import { namespace } from './token.ts';

const tickets = createClient(TicketService, transport);

type Target = NonNullable<MessageInitShape<typeof CreateTicketRequestSchema>['target']>;

async function pathOf(kind: TicketKind, target: Target): Promise<string> {
  const { ticket } = await tickets.createTicket({ kind, target });
  // The policy of the page allows frames from the origin of previews alone, if one exists.
  return ticket!.previewOrigin === '' ? ticket!.path : ticket!.uri;
}

const artifact = (id: string) => ({ case: 'artifact', value: { by: { case: 'id', value: id } } }) as const;

/** Returns the address of a sandboxed preview, for a frame. */
export function previewAddress(artifactId: string): Promise<string> {
  return pathOf(TicketKind.PREVIEW, artifact(artifactId));
}

/** Returns the address of the bytes, for a player or a download. */
export async function readAddress(artifactId: string): Promise<string> {
  return lastingAddress(artifactId) ?? (await pathOf(TicketKind.READ, artifact(artifactId)));
}

/** Returns the address of the bytes that opens at any time. Undefined: the page has to show who calls. */
export function lastingAddress(artifactId: string): string | undefined {
  return rights.value.isGuest && namespace.value === '' ? contentPath(artifactId) : undefined;
}

/** Returns the address of all artifacts of a session as one zip file. */
export function archiveAddress(session: string): Promise<string> {
  return pathOf(TicketKind.ARCHIVE, { case: 'session', value: session });
}

/** Lets the browser save what is at an address, and show how much has come. */
export function save(address: string, fileName: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
}
