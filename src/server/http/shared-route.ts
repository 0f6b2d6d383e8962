/** `GET` and `HEAD /s/{token}`: the artifact that a share link opens, for anyone who has the link. */
import type { OpenShared } from '../../api/shared.ts';
import { refusal } from '../refusals.ts';
import { answerRedirect, mayRedirect } from './content/redirects.ts';
import { rangeToSend, sendBody, toGuests } from './content-route.ts';
import { HttpError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * Answers the request. @throws HttpError, ConnectError before the answer has begun; a later failure breaks the answer
 * off.
 */
export async function getShared(
  exchange: Exchange,
  token: string,
  open: OpenShared | undefined,
): Promise<void> {
  if (open === undefined) throw new HttpError(404, refusal('NOT_IMPLEMENTED', 'nothing exists at this path'));
  const isAllowed = mayRedirect(exchange.request, true);
  await open(token, exchange.unsent, async ({ artifact, read, redirect }) => {
    const range = rangeToSend(exchange, artifact, toGuests);
    if (range === undefined) return;
    const uri = isAllowed ? await redirect(exchange.gone) : undefined;
    if (uri !== undefined) return answerRedirect(exchange, artifact, uri);
    const size = Number(artifact.sizeBytes);
    const part =
      range.kind === 'part'
        ? { offset: range.first, length: range.last - range.first + 1 }
        : { offset: 0, length: size };
    await sendBody(exchange, artifact, range, read(part, exchange.gone), toGuests);
  });
}
