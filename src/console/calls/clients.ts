/** The services, called from the page. */
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { credentials, isTokenWanted } from './token.ts';

const identified: Interceptor = (next) => async (request) => {
  for (const [name, value] of Object.entries(credentials())) request.header.set(name, value);
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: noticing(response.message) } : response;
  } catch (error) {
    notice(error);
    throw error;
  }
};

function notice(error: unknown): void {
  if (ConnectError.from(error).code === Code.Unauthenticated) isTokenWanted.value = true;
}

/** Credentials may end while a stream goes on. */
async function* noticing<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    notice(error);
    throw error;
  }
}

/** How every call gets to the service: as a POST of a type that no form of another site can send. */
export const transport = createConnectTransport({
  baseUrl: globalThis.location?.origin ?? 'http://localhost',
  useBinaryFormat: true,
  interceptors: [identified],
});

/** Artifacts. */
export const artifacts = createClient(ArtifactService, transport);

/** Sessions. */
export const sessions = createClient(SessionService, transport);

/** Fetches a path of plain HTTP. @throws Error with the text of the service. */
export async function fetchPlain(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, { ...init, headers: { ...credentials(), ...init.headers } });
  if (response.ok) return response;
  if (response.status === 401) isTokenWanted.value = true;
  const told = (await response.json().catch(() => ({}))) as { readonly message?: string };
  throw new Error(told.message ?? `the service answered with ${response.status}`);
}

/** The path of an artifact's bytes over plain HTTP. */
export function contentPath(id: string): string {
  return `/v1/artifacts/${encodeURIComponent(id)}/content`;
}
