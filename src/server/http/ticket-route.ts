/** `GET`, `HEAD` and `PUT /t/{token}`: the one thing that a ticket is good for, for anyone who has the ticket. */
import { create } from '@bufbuild/protobuf';
import {
  DownloadArchiveRequestSchema,
  SessionService,
} from '../../../gen/artifacta/v1/session_service_pb.ts';
import type { TakeTicket } from '../../api/tickets/use.ts';
import { refusal } from '../refusals.ts';
import { getContent, toGuests, toPreview } from './content-route.ts';
import { badField, HttpError, notAllowed } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { PlainCalls } from './plain-calls.ts';
import { parseTicketPut } from './put-parameters.ts';
import { storeBody } from './put-route.ts';

/** What the route needs. */
interface TicketParts {
  /** Undefined: tickets are good for nothing here. */
  readonly take: TakeTicket | undefined;
  readonly anyCalls: PlainCalls;
  /** Which pages may show a preview in a frame, as Content-Security-Policy names them. */
  readonly framedBy: string;
}

/**
 * Answers the request. @throws HttpError, ConnectError before the answer has begun; a later failure breaks the answer
 * off.
 */
export async function useTicket(
  exchange: Exchange,
  token: string,
  { take, anyCalls, framedBy }: TicketParts,
): Promise<void> {
  const { request, target } = exchange;
  if (take === undefined) throw new HttpError(404, refusal('NOT_IMPLEMENTED', 'nothing exists at this path'));
  if (target.query !== '') throw badField('query', 'must be empty: the ticket says everything');
  const { use, caller } = await take(token, request.socket.remoteAddress);
  const methods = use.kind === 'push' ? ['PUT'] : ['GET', 'HEAD'];
  if (!methods.includes(request.method ?? '')) throw notAllowed(methods);
  const calls = anyCalls.as(caller, '/t/');
  if (use.kind === 'push') return await storeBody(exchange, parseTicketPut(use.spec, request.headers), calls);
  if (use.kind === 'archive') return await getArchive(exchange, use.session, calls);
  const manner = use.kind === 'preview' ? toPreview(framedBy) : toGuests;
  return await getContent(exchange, { case: 'id', value: use.artifactId }, calls, manner);
}

/** Sends a session as a zip file, whose length is not known before. */
async function getArchive(exchange: Exchange, session: string, calls: PlainCalls): Promise<void> {
  const headers = {
    'content-type': 'application/zip',
    // The characters of a session's id need no quotation.
    'content-disposition': `attachment; filename="${session.replaceAll(':', '_')}.zip"`,
    'cache-control': 'private, no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  };
  await calls.call(exchange, SessionService.method.downloadArchive, async (download, context) => {
    const pieces = download(create(DownloadArchiveRequestSchema, { session }), context)[
      Symbol.asyncIterator
    ]();
    try {
      // A refusal comes before the first piece.
      let next = await pieces.next();
      if (exchange.request.method === 'HEAD') return exchange.answer(200, headers);
      exchange.response.writeHead(200, headers);
      for (; !next.done; next = await pieces.next())
        if (next.value.chunk !== undefined) await exchange.write(next.value.chunk);
      exchange.response.end();
    } catch (error) {
      if (exchange.response.headersSent) exchange.destroy();
      throw error;
    } finally {
      await pieces.return?.();
    }
  });
}
