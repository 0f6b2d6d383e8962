/**
 * Addresses that open without a header: for frames, players and downloads, which cannot send a token. This is the one
 * place of the console that makes them. Until the service has tickets, only a service without authentication has such
 * addresses, and nothing that runs is shown in a frame.
 */
import { contentPath } from './clients.ts';
import { namespace, token } from './token.ts';

/** The address of a sandboxed preview, for a frame. Undefined: the service makes none, so that the source is shown. */
export async function previewAddress(_artifactId: string): Promise<string | undefined> {
  return undefined;
}

/** The address of the bytes for a player or a download. Undefined: they have to be fetched by the page. */
export async function readAddress(artifactId: string): Promise<string | undefined> {
  return token.peek() === '' && namespace.peek() === '' ? contentPath(artifactId) : undefined;
}

/** The address of all artifacts of a session as one archive. Undefined: the service makes none. */
export async function archiveAddress(_session: string): Promise<string | undefined> {
  return undefined;
}
