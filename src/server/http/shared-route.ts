/** `GET` and `HEAD /s/{token}`: what a share link opens, for whoever has it. */
import type { OpenShared } from '../../api/shared.ts';
import { refusal } from '../refusals.ts';
import { rangeToSend, sendBody } from './content-route.ts';
import { HttpError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/** @throws HttpError, ConnectError before the answer has begun; afterwards a failure breaks the answer off. */
export async function getShared(
  exchange: Exchange,
  token: string,
  open: OpenShared | undefined,
): Promise<void> {
  if (open === undefined)
    throw new HttpError(404, refusal('NOT_IMPLEMENTED', 'there is nothing at this path'));
  await open(token, exchange.unsent, async ({ artifact, read }) => {
    // Whoever keeps a copy keeps what the link was to give for a time only.
    const range = rangeToSend(exchange, artifact, 'private, no-store');
    if (range === undefined) return;
    const size = Number(artifact.sizeBytes);
    const part =
      range.kind === 'part'
        ? { offset: range.first, length: range.last - range.first + 1 }
        : { offset: 0, length: size };
    await sendBody(exchange, artifact, range, read(part, exchange.gone), 'private, no-store');
  });
}
