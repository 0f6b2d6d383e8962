/** How a browser is to treat a content that anybody may have uploaded. */

/** Shown in place. Everything else is saved: HTML, SVG and PDF run scripts, and unknown types may be guessed at. */
const shown: readonly string[] = [
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/webp',
  'text/csv',
  'text/markdown',
  'text/plain',
  'text/tab-separated-values',
];

/**
 * The charsets of what is shown, by their names. In all of them a byte below 128 is the character of ASCII and no byte
 * changes what the next ones mean, so that a browser finds no markup where others see none. Any other may be read
 * otherwise than it was checked (UTF-7, ISO-2022-JP, HZ, UTF-16), or as a browser guesses.
 */
const charsets: Readonly<Record<string, string>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'us-ascii',
  ascii: 'us-ascii',
  'iso-8859-1': 'iso-8859-1',
  latin1: 'iso-8859-1',
  'windows-1252': 'windows-1252',
};

/** A type and at most a charset, without quotation marks: what nobody reads otherwise than we do. */
const plainForm = /^([a-z0-9.+-]+\/[a-z0-9.+-]+)(?: *; *charset=([a-z0-9_.:-]+))?$/i;

/** The headers that say what a content is. `contentType` is what was stored with it. */
export function typeHeaders(name: string, contentType: string): Record<string, string> {
  const inline = shownType(contentType);
  return {
    'content-type': inline ?? contentType,
    'content-disposition': contentDisposition(name, inline !== undefined),
  };
}

/** The type of what is shown, in our own words; undefined for what is saved. */
function shownType(contentType: string): string | undefined {
  const [, given, charset] = plainForm.exec(contentType) ?? [];
  const type = shown.find((known) => known === given?.toLowerCase());
  if (type === undefined || charset === undefined) return type;
  const label = charset.toLowerCase();
  return Object.hasOwn(charsets, label) ? `${type}; charset=${charsets[label]}` : undefined;
}

/** The value of Content-Disposition (RFC 6266) for an artifact's name. */
function contentDisposition(name: string, isShown: boolean): string {
  const fileName = name.split('/').at(-1)!;
  const plain = fileName.replace(/[^ -~]/gu, '_').replace(/["\\%]/g, '_');
  // Clients that know the extended form prefer it; it is left out where the plain one says the same.
  const extended = plain === fileName ? '' : `; filename*=UTF-8''${extendedValue(fileName)}`;
  return `${isShown ? 'inline' : 'attachment'}; filename="${plain}"${extended}`;
}

/** RFC 8187: attribute characters stay, all others are percent-encoded UTF-8. */
function extendedValue(text: string): string {
  const escaped = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text.toWellFormed()).replace(/['()*]/g, escaped);
}
