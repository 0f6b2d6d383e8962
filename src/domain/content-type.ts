import { invalid } from './errors.ts';
import { limits } from './limits.ts';

/** A token of RFC 9110. */
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";

/** type "/" subtype, then parameters of printable ASCII. */
const pattern = new RegExp(`^${token}/${token}(?:[ \\t]*;[\\t\\x20-\\x7e]*)?$`);

/**
 * A media type as given; the type itself is folded to lower case, parameters stay, also where RFC 9110 would write them
 * otherwise. Empty means none.
 *
 * @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseContentType(field: string, input: string): string | undefined {
  if (input === '') return undefined;
  if (input.length > limits.contentTypeBytesMax)
    throw invalid(field, `has ${input.length} bytes; at most ${limits.contentTypeBytesMax} are allowed`);
  if (!pattern.test(input)) throw invalid(field, 'is not a media type such as "application/json"');
  if (mediaTypeOf(input).includes('*'))
    throw invalid(field, 'must be one media type such as "image/png"; with a * it stands for many');
  const semicolon = input.indexOf(';');
  if (semicolon < 0) return input.toLowerCase();
  return input.slice(0, semicolon).trimEnd().toLowerCase() + input.slice(semicolon);
}

/** `type/subtype` in lower case, without parameters: what content types are listed, deduplicated and found by. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}

/**
 * A content type with its parameters, in the one form in which those are compared: lower case, by name, `; ` between
 * them, no spaces around `=`, quotation marks only where a value needs them. Without parameters it ends with the
 * semicolon, and so does not look like a {@link mediaTypeOf}.
 */
export function withParameters(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  const parameters = semicolon < 0 ? [] : parametersOf(contentType.slice(semicolon + 1).toLowerCase());
  const ordered = parameters.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `${mediaTypeOf(contentType)};${ordered.map((parameter) => ` ${parameter.join('=')}`).join(';')}`;
}

const tokenAlone = new RegExp(`^${token}$`);

/** Each with its name and its value; what has no `=` has a name only. */
function parametersOf(text: string): [name: string, value?: string][] {
  const parts = text.match(/(?:[^;"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g) ?? [];
  return parts.flatMap((part): [string, string?][] => {
    const at = part.indexOf('=');
    const name = (at < 0 ? part : part.slice(0, at)).trim();
    if (at >= 0) return [[name, asCompared(part.slice(at + 1).trim())]];
    return name === '' ? [] : [[name]];
  });
}

/** A prefix, of which a filter may ask, may begin a quotation and not end it. */
function asCompared(text: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)(?:"|\\)?$/.exec(text)?.[1];
  const value = quoted?.replace(/\\(.)/g, '$1') ?? text;
  return quoted === undefined || tokenAlone.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * The type that the service assumes for a name when the client gives none. Small on purpose: what agents produce.
 * A guessed type never makes a new version.
 */
const byExtension: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  css: 'text/css',
  gif: 'image/gif',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  ipynb: 'application/x-ipynb+json',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  jsonl: 'application/jsonl',
  log: 'text/plain',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  patch: 'text/x-diff',
  diff: 'text/x-diff',
  pdf: 'application/pdf',
  png: 'image/png',
  py: 'text/x-python',
  sh: 'application/x-sh',
  sql: 'application/sql',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  toml: 'application/toml',
  ts: 'text/x-typescript',
  tsv: 'text/tab-separated-values',
  txt: 'text/plain',
  wasm: 'application/wasm',
  wav: 'audio/wav',
  webp: 'image/webp',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  zip: 'application/zip',
};

/** Assumed where the name tells nothing. */
const contentTypeUnknown = 'application/octet-stream';

/** By the extension of the name; {@link contentTypeUnknown} for unknown ones. */
export function guessContentType(name: string): string {
  return typeOfExtension(name) ?? contentTypeUnknown;
}

function typeOfExtension(name: string): string | undefined {
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase();
  return extension !== undefined && Object.hasOwn(byExtension, extension)
    ? byExtension[extension]
    : undefined;
}

/** The type of a form whose fields are in one line: what `curl --data-binary` says of whatever it sends. */
const urlEncoded = 'application/x-www-form-urlencoded';

/** What clients say by themselves whatever they send, with any parameters: curl, many libraries, clients of S3. */
const saidOfAll: readonly string[] = [urlEncoded, contentTypeUnknown, 'binary/octet-stream'];

/** True for that, and for what `fetch` and others say of every text, however they spell UTF-8. */
function isSaidByClients(contentType: string): boolean {
  if (saidOfAll.includes(mediaTypeOf(contentType))) return true;
  return /^text\/plain; charset=utf-?8$/.test(withParameters(contentType));
}

/**
 * What of a content type counts as given: undefined for what clients say by themselves, where the extension of the name
 * tells another type.
 */
export function contentTypeSaid(name: string, given: string | undefined): string | undefined {
  if (given === undefined || !isSaidByClients(given)) return given;
  const told = typeOfExtension(name);
  return told === undefined || told === mediaTypeOf(given) ? given : undefined;
}

/** How the bytes of a form are wrapped: `multipart` by an envelope around each field, or as one line of text. */
export type FormKind = 'multipart' | 'urlencoded';

/** Undefined for what is no form, and for what {@link contentTypeSaid} does not count. */
export function formKind(name: string, contentType: string): FormKind | undefined {
  const type = mediaTypeOf(contentType);
  if (type === 'multipart/form-data') return 'multipart';
  return type === urlEncoded && contentTypeSaid(name, contentType) !== undefined ? 'urlencoded' : undefined;
}
