/** `GET` and `HEAD` of the web console: its page at `/` and at the paths of its screens, and the files that it loads. */
import { refusal } from '../../refusals.ts';
import { decideConditions } from '../content/conditions.ts';
import { HttpError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { type ConsoleFiles, page } from './files.ts';

/** The paths of the page: the screens restore themselves from them. */
export const screens = /^\/(?:(?:sessions|artifacts|lineage)\/[^/]+|compare|usage|retention|links|store)?$/;

/** The paths of the files that the page loads. */
export const assets = /^\/console\/([\w.-]+)$/;

/**
 * What the page may do: run its own scripts, call this service, and show images that it has fetched. It never makes
 * markup or scripts of a text (Trusted Types), so that no byte of an artifact can become either; the one policy that it
 * may make approves the address of the worker that parses PDF, and no other text. Frames are previews from this
 * origin, or from one that serves nothing else, and their answers are sandboxed.
 */
const policyWith = (frames: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    `frame-src ${frames}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types pdf-worker',
  ].join('; ');

const everywhere = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

const ofPage = (frames: string) => ({
  ...everywhere,
  'cache-control': 'no-cache',
  'content-security-policy': policyWith(frames),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
});

/** A worker has the policy of its own answer: it parses what others made, and loads and runs nothing else. */
const ofAsset = {
  ...everywhere,
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "default-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
};

/** What the routes of the console need. */
interface ConsoleParts {
  /** Undefined: no console is served. */
  readonly files: ConsoleFiles | undefined;
  /** The origin of previews. Undefined: that of the page. */
  readonly previewOrigin?: string | undefined;
}

/** Answers with a file. @param name Undefined: the page. @throws HttpError 404 */
export async function getConsole(
  exchange: Exchange,
  name: string | undefined,
  { files, previewOrigin = "'self'" }: ConsoleParts,
): Promise<void> {
  const file = await files?.get(name ?? page);
  if (file === undefined) throw new HttpError(404, refusal('NOT_IMPLEMENTED', why(files, name)));
  const { contentType, content, compressed, etag } = file;
  const { headers } = exchange.request;
  const described = {
    ...(name === undefined || name === page ? ofPage(previewOrigin) : ofAsset),
    etag,
    vary: 'Accept-Encoding',
  };
  if (decideConditions({ 'if-none-match': headers['if-none-match'] }, etag) === 304) {
    exchange.answer(304, described);
    return;
  }
  const isCompressed = compressed !== undefined && accepts(headers['accept-encoding'], 'gzip');
  const body = isCompressed ? compressed : content;
  exchange.answer(
    200,
    {
      ...described,
      'content-type': contentType,
      'content-length': String(body.length),
      ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
    },
    body,
  );
}

function why(files: ConsoleFiles | undefined, name: string | undefined): string {
  return files === undefined || name !== undefined
    ? 'nothing exists at this path'
    : 'the console is not built here: run `npm run build` in the checkout, then reload';
}

/** Whether Accept-Encoding names a coding, and not with the weight 0. */
function accepts(header: string | string[] | undefined, coding: string): boolean {
  return String(header ?? '')
    .split(',')
    .map((part) =>
      part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/),
    )
    .some(([name, weight]) => name === coding && !/^q=0(?:\.0*)?$/.test(weight ?? ''));
}
