import { invalid } from './errors.ts';
import { limits } from './limits.ts';

/** A token of RFC 9110. */
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";

/** type "/" subtype, then parameters of printable ASCII. */
const pattern = new RegExp(`^${token}/${token}(?:[ \\t]*;[\\t\\x20-\\x7e]*)?$`);

/**
 * Parses a media type. The type itself is folded to lower case; parameters stay as they are, also where RFC 9110 would
 * write them otherwise. Empty means no type.
 *
 * @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseContentType(field: string, input: string): string | undefined {
  if (input === '') return undefined;
  if (input.length > limits.contentTypeBytesMax)
    throw invalid(field, `must have at most ${limits.contentTypeBytesMax} bytes, not ${input.length}`);
  if (!pattern.test(input)) throw invalid(field, 'must be a media type such as "application/json"');
  if (mediaTypeOf(input).includes('*'))
    throw invalid(
      field,
      'must be one media type such as "image/png"; a value with a * is not one type but many',
    );
  const semicolon = input.indexOf(';');
  if (semicolon < 0) return input.toLowerCase();
  return input.slice(0, semicolon).trimEnd().toLowerCase() + input.slice(semicolon);
}

/**
 * Returns `type/subtype` in lower case, without parameters. Listing, deduplication and search use this form.
 */
export function mediaTypeOf(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

/**
 * Returns a content type with its parameters, in the one form for comparisons. The parameters are in lower case and
 * sorted by name, with `; ` between them, no spaces around `=`, and quotation marks only where a value needs them.
 * Without parameters the text ends with the semicolon, and so does not look like a {@link mediaTypeOf}.
 */
export function withParameters(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  const parameters = semicolon < 0 ? [] : parametersOf(contentType.slice(semicolon + 1).toLowerCase());
  const ordered = parameters.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `${mediaTypeOf(contentType)};${ordered.map((parameter) => ` ${parameter.join('=')}`).join(';')}`;
}

const tokenAlone = new RegExp(`^${token}$`);

/** Returns each parameter with its name and its value; a parameter without `=` has a name only. */
function parametersOf(text: string): [name: string, value?: string][] {
  const parts = text.match(/(?:[^;"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g) ?? [];
  return parts.flatMap((part): [string, string?][] => {
    const at = part.indexOf('=');
    const name = (at < 0 ? part : part.slice(0, at)).trim();
    if (at >= 0) return [[name, asCompared(part.slice(at + 1).trim())]];
    return name === '' ? [] : [[name]];
  });
}

/** Returns a value in the form for comparisons. A prefix in a filter may begin a quotation without ending it. */
function asCompared(text: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)(?:"|\\)?$/.exec(text)?.[1];
  const value = quoted?.replace(/\\(.)/g, '$1') ?? text;
  return quoted === undefined || tokenAlone.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * The type that the service assumes for a name if the client gives none. The list is small on purpose: types that
 * agents produce.
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

/** The assumed type of a name that leads to no type. */
const contentTypeUnknown = 'application/octet-stream';

/** Guesses the type by the extension of the name; {@link contentTypeUnknown} for an unknown extension. */
export function guessContentType(name: string): string {
  return typeOfExtension(name) ?? contentTypeUnknown;
}

function typeOfExtension(name: string): string | undefined {
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase();
  return extension !== undefined && Object.hasOwn(byExtension, extension)
    ? byExtension[extension]
    : undefined;
}

/** The type of a form whose fields are in one line. `curl --data-binary` sends it for any data. */
const urlEncoded = 'application/x-www-form-urlencoded';

/**
 * The types that clients send by themselves for any data, with any parameters: curl, many libraries, clients of S3.
 */
const saidOfAll: readonly string[] = [urlEncoded, contentTypeUnknown, 'binary/octet-stream'];

/**
 * Returns true for those types, and for the type that `fetch` and others send for every text, however they spell UTF-8.
 */
function isSaidByClients(contentType: string): boolean {
  if (saidOfAll.includes(mediaTypeOf(contentType))) return true;
  return /^text\/plain; charset=utf-?8$/.test(withParameters(contentType));
}

/**
 * Returns the content type that counts as given. Undefined for a type that clients send by themselves, if the extension
 * of the name leads to another type.
 */
export function contentTypeSaid(name: string, given: string | undefined): string | undefined {
  if (given === undefined || !isSaidByClients(given)) return given;
  const told = typeOfExtension(name);
  return told === undefined || told === mediaTypeOf(given) ? given : undefined;
}

/** How the bytes of a form are wrapped: `multipart`, with an envelope around each field, or as one line of text. */
export type FormKind = 'multipart' | 'urlencoded';

/** Returns the kind of a form. Undefined for other types, and for types that {@link contentTypeSaid} does not count. */
export function formKind(name: string, contentType: string): FormKind | undefined {
  const type = mediaTypeOf(contentType);
  if (type === 'multipart/form-data') return 'multipart';
  return type === urlEncoded && contentTypeSaid(name, contentType) !== undefined ? 'urlencoded' : undefined;
}
