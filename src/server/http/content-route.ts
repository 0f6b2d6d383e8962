/** `GET` and `HEAD /v1/artifacts/{id}/content`: the bytes of an artifact, with ranges and conditions. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Artifact, ArtifactRefSchema } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ArtifactSchema } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type { DownloadArtifactResponseSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import { previewHeaders, typeHeaders } from '../../api/downloads/disposition.ts';
import { refusal } from '../refusals.ts';
import { decideConditions, isConditional, rangeCounts } from './content/conditions.ts';
import { formatDigest } from './content/content-digest.ts';
import { parseRange, type Range } from './content/range.ts';
import { answerRedirect, mayRedirect } from './content/redirects.ts';
import { HttpError, refusedField } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { PlainCalls } from './plain-calls.ts';

/** The reference to an artifact: its id, or session and name for the latest version. */
type ContentRef = Required<MessageInitShape<typeof ArtifactRefSchema>>['by'];

/**
 * Answers the request. @throws HttpError, ConnectError before the answer has begun; a later failure breaks the answer
 * off.
 */
export async function getContent(
  exchange: Exchange,
  by: ContentRef,
  calls: PlainCalls,
  manner: Manner = toReaders,
): Promise<void> {
  const { request } = exchange;
  const isHead = request.method === 'HEAD';
  // The place would not send the headers that keep the scripts of a preview from harm.
  const allowRedirect = mayRedirect(request, false) && manner.framedBy === undefined;
  // One call is enough for the whole content. A request that depends on the artifact reads the artifact first. An id
  // means one version forever.
  if (isHead || request.headers.range !== undefined || isConditional(request.headers)) {
    const artifact = await findArtifact(exchange, by, calls);
    const range = rangeToSend(exchange, artifact, manner);
    const version = { case: 'id', value: artifact.id } as const;
    return range && send(exchange, { by: version, range, allowRedirect }, calls, manner);
  }
  return send(exchange, { by, range: { kind: 'whole' }, allowRedirect }, calls, manner);
}

/**
 * Returns the part of a content to send; undefined if the request is answered already.
 *
 * @throws HttpError 412, 416
 */
export function rangeToSend(
  exchange: Exchange,
  artifact: Artifact,
  manner: Manner,
): Exclude<Range, { kind: 'unsatisfiable' }> | undefined {
  const { headers, method } = exchange.request;
  const etag = etagOf(artifact);
  const decided = decideConditions(headers, etag);
  if (decided === 304) {
    exchange.answer(304, validators(artifact, manner));
    return undefined;
  }
  if (decided === 412)
    throw new HttpError(412, refusal('ETAG_MISMATCH', 'If-Match: the content has another entity tag'), {
      etag,
    });
  // RFC 9110 defines ranges for GET alone.
  if (method === 'HEAD') {
    exchange.answer(200, wholeHeaders(artifact, manner));
    return undefined;
  }
  const size = Number(artifact.sizeBytes);
  const range: Range = rangeCounts(headers, etag) ? parseRange(headers.range, size) : { kind: 'whole' };
  if (range.kind === 'unsatisfiable') throw unsatisfiable(size);
  return range;
}

function unsatisfiable(sizeBytes: number): HttpError {
  const { error } = refusedField(
    416,
    'INVALID_ARGUMENT',
    'Range',
    `must be within the content, which has ${sizeBytes} bytes`,
  );
  return new HttpError(416, error, { 'content-range': `bytes */${sizeBytes}`, 'accept-ranges': 'bytes' });
}

function findArtifact(exchange: Exchange, by: ContentRef, calls: PlainCalls): Promise<Artifact> {
  return calls.call(exchange, ArtifactService.method.getArtifact, async (get, context) => {
    const request = create(ArtifactService.method.getArtifact.input, { artifact: { by } });
    const { artifact } = await get(request, context);
    return create(ArtifactSchema, artifact ?? {});
  });
}

interface Wanted {
  readonly by: ContentRef;
  readonly range: Range;
  readonly allowRedirect: boolean;
}

function send(
  exchange: Exchange,
  { by, range, allowRedirect }: Wanted,
  calls: PlainCalls,
  manner: Manner,
): Promise<void> {
  const part =
    range.kind === 'part' ? { offset: BigInt(range.first), limit: BigInt(range.last - range.first + 1) } : {};
  return calls.call(exchange, ArtifactService.method.downloadArtifact, async (download, context) => {
    const request = create(ArtifactService.method.downloadArtifact.input, {
      artifact: { by },
      ...part,
      allowRedirect,
    });
    const parts = download(request, context)[Symbol.asyncIterator]();
    try {
      await sendParts(exchange, range, parts, manner);
    } finally {
      await parts.return?.();
    }
  });
}

type Parts = AsyncIterator<MessageInitShape<typeof DownloadArtifactResponseSchema>>;

async function sendParts(exchange: Exchange, range: Range, parts: Parts, manner: Manner): Promise<void> {
  const first = await parts.next();
  const message = first.done ? undefined : first.value.part;
  if (message?.case !== 'artifact') throw new Error('a download did not begin with the artifact');
  const artifact = create(ArtifactSchema, message.value);
  const second = await parts.next();
  const redirect = second.done ? undefined : second.value.part;
  if (redirect?.case === 'redirect') {
    answerRedirect(exchange, artifact, redirect.value.uri ?? '');
    return void (await parts.next()); // the end
  }
  async function* chunks() {
    for (let next = second; !next.done; next = await parts.next())
      if (next.value.part?.case === 'chunk') yield next.value.part.value;
  }
  await sendBody(exchange, artifact, range, chunks(), manner);
}

/** Sends the answer to a GET. */
export async function sendBody(
  exchange: Exchange,
  artifact: Artifact,
  range: Range,
  chunks: AsyncIterable<Uint8Array>,
  manner: Manner,
): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  // Damage at the beginning is found before the status is sent, so the answer can still report it.
  let next = await iterator.next();
  const { response } = exchange;
  if (range.kind === 'part') response.writeHead(206, partHeaders(artifact, range, manner));
  else response.writeHead(200, wholeHeaders(artifact, manner));
  try {
    let sentBytes = 0;
    for (; !next.done; next = await iterator.next()) {
      sentBytes += next.value.length;
      await exchange.write(next.value);
    }
    if (sentBytes !== lengthOf(artifact, range))
      throw new Error('a download had another length than it said');
    response.end();
  } catch (error) {
    exchange.destroy();
    throw error;
  } finally {
    await iterator.return?.();
  }
}

function etagOf({ sha256 }: Artifact): string {
  return `"${sha256}"`;
}

function lengthOf({ sizeBytes }: Artifact, range: Range): number {
  return range.kind === 'part' ? range.last - range.first + 1 : Number(sizeBytes);
}

/** How an answer is to be kept and shown. */
interface Manner {
  readonly caching: 'private, no-cache' | 'private, no-store';
  /**
   * Which pages may show the content in a frame, with the type that it was stored with, even if it runs scripts. As
   * Content-Security-Policy names them. Undefined: none may.
   */
  readonly framedBy?: string;
}

// The bytes of an id never change, but the right to read them does, and they end. So no shared cache keeps a copy, and
// a private cache asks each time, which is answered with 304.
const toReaders: Manner = { caching: 'private, no-cache' };

/** For those who may read for a limited time only: a cache that kept a copy would keep it for longer. */
export const toGuests: Manner = { caching: 'private, no-store' };

/** For a frame of a page that shows the content. @param framedBy see {@link Manner.framedBy}. */
export function toPreview(framedBy: string): Manner {
  return { caching: 'private, no-store', framedBy };
}

/**
 * Makes content a page of an origin of its own, which may run its scripts and reach no network. Only the pages that are
 * named may frame it.
 */
const previewPolicy = (framedBy: string) =>
  [
    'sandbox allow-scripts',
    "default-src 'none'",
    "script-src 'unsafe-inline'",
    "style-src 'unsafe-inline'",
    'img-src data: blob:',
    'media-src data: blob:',
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${framedBy}`,
  ].join('; ');

/** Returns the headers that describe the content even in an answer without it. */
function validators(artifact: Artifact, { caching }: Manner): Record<string, string> {
  return { etag: etagOf(artifact), 'cache-control': caching };
}

/**
 * Returns the headers of an answer with the content. Anyone who may upload could upload a page with scripts; no content
 * ever becomes a page of this origin.
 */
function contentHeaders(artifact: Artifact, manner: Manner): Record<string, string> {
  const { contentType, name, sha256 } = artifact;
  const { framedBy } = manner;
  return {
    ...validators(artifact, manner),
    ...(framedBy === undefined ? typeHeaders(name, contentType) : previewHeaders(name, contentType)),
    'accept-ranges': 'bytes',
    'repr-digest': formatDigest(sha256),
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      framedBy === undefined ? "sandbox; default-src 'none'" : previewPolicy(framedBy),
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  };
}

function wholeHeaders(artifact: Artifact, manner: Manner): Record<string, string> {
  return { ...contentHeaders(artifact, manner), 'content-length': String(artifact.sizeBytes) };
}

function partHeaders(
  artifact: Artifact,
  range: Range & { kind: 'part' },
  manner: Manner,
): Record<string, string> {
  return {
    ...contentHeaders(artifact, manner),
    'content-length': String(lengthOf(artifact, range)),
    'content-range': `bytes ${range.first}-${range.last}/${artifact.sizeBytes}`,
  };
}
