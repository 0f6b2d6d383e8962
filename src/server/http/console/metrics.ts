/**
 * `GET /metrics` on the HTTP listener: the figures of the admin listener, for operators. A page cannot ask the admin
 * listener, which has another origin, and often no way in from outside.
 */
import { Buffer } from 'node:buffer';
import type { Admit } from '../../admit.ts';
import { callValues } from '../../call-values.ts';
import { refusal } from '../../refusals.ts';
import { HttpError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';

/** The figures, and the callers that may see them. */
export interface OperatorMetrics {
  /** Admits operators. */
  readonly admit: Admit;
  /** Returns the figures. An empty body: none are collected. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Answers with the figures. @throws HttpError, ConnectError for other callers, and where none are collected. */
export async function getMetrics(exchange: Exchange, metrics: OperatorMetrics | undefined): Promise<void> {
  if (metrics === undefined)
    throw new HttpError(404, refusal('NOT_IMPLEMENTED', 'nothing exists at this path'));
  await metrics.admit(exchange.headers(), callValues('network', exchange.request.socket, undefined));
  const { contentType, body } = await metrics.scrape();
  if (body === '')
    throw new HttpError(
      404,
      refusal('NOT_IMPLEMENTED', 'no metrics are collected: run "artifacta serve" with --admin-listen'),
    );
  const bytes = Buffer.from(body);
  exchange.answer(
    200,
    {
      'content-type': contentType,
      'content-length': String(bytes.length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    bytes,
  );
}
