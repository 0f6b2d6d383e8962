/** Redirects of contents to their place: what a request says about them, and the answer. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Artifact } from '../../../../gen/artifacta/v1/artifact_pb.ts';
import { badField } from '../errors.ts';
import type { Exchange } from '../exchange.ts';

/** The header by which a client says whether it may be redirected. */
const header = 'artifacta-redirect';

/**
 * Conditions that name an entity tag of this service, or a date. A client sends them to the place, too, which has others
 * and would refuse. If-None-Match is not one of them: it matches no tag of the place, which then sends the content.
 */
const conditions = ['if-match', 'if-range', 'if-modified-since', 'if-unmodified-since'] as const;

/**
 * Returns true if a GET may be redirected.
 *
 * @param unlessDenied true: also if the client does not say that it may.
 * @throws HttpError 400 for any other value of the header, on any request for a content.
 */
export function mayRedirect(
  { method, headers }: { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders },
  unlessDenied: boolean,
): boolean {
  const wish = headers[header];
  if (wish !== undefined && wish !== 'allow' && wish !== 'deny')
    throw badField('Artifacta-Redirect', 'must be allow or deny');
  if (method !== 'GET' || conditions.some((name) => headers[name] !== undefined)) return false;
  return wish === undefined ? unlessDenied : wish === 'allow';
}

/**
 * Sends the client to the place of a content. The URL is a secret for a minute: no cache keeps it, and the place does not
 * learn from which address the client came.
 */
export function answerRedirect(exchange: Exchange, { sha256, sizeBytes }: Artifact, uri: string): void {
  exchange.answer(307, {
    location: uri,
    'content-length': '0',
    'cache-control': 'private, no-store',
    // Repr-Digest would be the digest of this answer, which is empty.
    'artifacta-sha256': sha256,
    'artifacta-size': String(sizeBytes),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  });
}
