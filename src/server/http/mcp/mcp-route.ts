/** `/mcp`: the tools for agents over Streamable HTTP; and the description of it for OAuth clients (RFC 9728). */
import { Buffer, isUtf8 } from 'node:buffer';
import { Code, ConnectError, type ContextValues } from '@connectrpc/connect';
import type { TransportKind } from '../../../api/transport.ts';
import type { Admit } from '../../admit.ts';
import { callValues } from '../../call-values.ts';
import { refusal } from '../../refusals.ts';
import { badField, HttpError, refusedField } from '../errors.ts';
import type { Exchange } from '../exchange.ts';

/** What answers requests of MCP. */
export interface McpEndpoint {
  /** The public URL of the HTTP listener, without a slash at its end. Undefined: the one that the client used. */
  readonly publicUrl: string | undefined;
  /** The issuers whose tokens are accepted. */
  readonly issuers: readonly string[];
  /** The longest body of a request. */
  readonly bodyBytesMax: number;
  readonly admit: Admit;
  /** @param values the origin of the request, for calls that are made for it. */
  serve(request: Request, values: ContextValues): Promise<Response>;
}

/** The path of the endpoint. */
export const mcpPath = '/mcp';
/** The path of its description. */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource';

/**
 * Answers a request of MCP.
 *
 * @throws HttpError 401 for a caller without valid credentials, with the place of the description.
 */
export async function serveMcp(
  exchange: Exchange,
  endpoint: McpEndpoint | undefined,
  listener: { readonly transport: TransportKind; readonly scheme: 'http' | 'https' },
): Promise<void> {
  if (endpoint === undefined) throw nothingHere();
  const { request } = exchange;
  const values = callValues(listener.transport, request.socket, undefined);
  const headers = exchange.headers();
  const root = rootOf(exchange, endpoint, listener.scheme);
  try {
    await endpoint.admit(headers, values);
  } catch (error) {
    throw challenged(error, headers, `${root}${resourceMetadataPath}${mcpPath}`);
  }
  const method = request.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const body = hasBody ? await bodyOf(exchange, endpoint.bodyBytesMax) : undefined;
  const given = { method, headers, signal: exchange.gone, ...(body && { body: new Uint8Array(body) }) };
  const answer = await endpoint.serve(new Request(`${root}${mcpPath}`, given), values);
  await passOn(exchange, answer);
}

/** Answers with the description of the endpoint as a resource that OAuth protects. */
export async function describeMcp(
  exchange: Exchange,
  endpoint: McpEndpoint | undefined,
  scheme: 'http' | 'https',
): Promise<void> {
  if (endpoint === undefined) throw nothingHere();
  const { issuers } = endpoint;
  const description = {
    resource: `${rootOf(exchange, endpoint, scheme)}${mcpPath}`,
    resource_name: 'Artifacta',
    ...(issuers.length > 0 && { authorization_servers: issuers }),
    bearer_methods_supported: ['header'],
    scopes_supported: ['read', 'write', 'share'],
  };
  const body = Buffer.from(JSON.stringify(description));
  const headers = {
    'content-type': 'application/json',
    'content-length': String(body.length),
    'cache-control': 'public, max-age=300',
  };
  exchange.answer(200, headers, body);
}

function nothingHere(): HttpError {
  return new HttpError(404, refusal('NOT_IMPLEMENTED', 'nothing exists at this path'));
}

function rootOf({ host }: Exchange, { publicUrl }: McpEndpoint, scheme: 'http' | 'https'): string {
  return publicUrl ?? `${scheme}://${host}`;
}

/** Returns a refusal for missing or wrong credentials with a challenge that tells OAuth clients where to go. */
function challenged(error: unknown, headers: Headers, description: string): unknown {
  if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated) return error;
  const fault = headers.has('authorization') ? ', error="invalid_token"' : '';
  return new HttpError(401, error, {
    'www-authenticate': `Bearer resource_metadata="${description}"${fault}`,
  });
}

async function bodyOf(exchange: Exchange, bytesMax: number): Promise<Buffer> {
  const tooLarge = () =>
    refusedField(413, 'MESSAGE_TOO_LARGE', 'body', `must have at most ${bytesMax} bytes`);
  if (Number(exchange.request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of exchange.request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bytesMax) throw tooLarge();
    // The piece belongs to the reader of the socket.
    pieces.push(Buffer.from(piece));
  }
  const body = Buffer.concat(pieces);
  // JSON in other bytes would be repaired without a report.
  if (!isUtf8(body)) throw badField('body', 'must be UTF-8');
  return body;
}

async function passOn(exchange: Exchange, answer: Response): Promise<void> {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...Object.fromEntries(answer.headers),
  };
  if (answer.body === null || !headers['content-type']?.startsWith('text/event-stream')) {
    const body = Buffer.from(await answer.arrayBuffer());
    exchange.answer(answer.status, { ...headers, 'content-length': String(body.length) }, body);
    return;
  }
  exchange.begin(answer.status, headers);
  for await (const piece of answer.body) await exchange.write(piece as Uint8Array);
  exchange.end();
}
