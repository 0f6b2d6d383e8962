/** How a browser must treat content that anyone may have uploaded. */

/**
 * Types that are shown in place. Everything else is saved: HTML, SVG and PDF run scripts, and browsers may guess
 * unknown types.
 */
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
 * The charsets of shown content, by their names. In all of them a byte below 128 is the character of ASCII, and no byte
 * changes the meaning of the next ones. So a browser finds no markup where others see none. Any other charset may be
 * read differently from how it was checked (UTF-7, ISO-2022-JP, HZ, UTF-16), or as a browser guesses.
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

/** A type and at most a charset, without quotation marks: no browser reads it differently from us. */
const plainForm = /^([a-z0-9.+-]+\/[a-z0-9.+-]+)(?: *; *charset=([a-z0-9_.:-]+))?$/i;

type TypeHeaders = Readonly<Record<'content-type' | 'content-disposition', string>>;

/** Returns the headers for the type of content. `contentType` is the type that was stored with it. */
export function typeHeaders(name: string, contentType: string): TypeHeaders {
  const inline = shownType(contentType);
  return {
    'content-type': inline ?? contentType,
    'content-disposition': contentDisposition(name, inline !== undefined),
  };
}

/** Returns the same headers for content that is shown with its own type, whatever it is. */
export function previewHeaders(name: string, contentType: string): TypeHeaders {
  return { 'content-type': contentType, 'content-disposition': contentDisposition(name, true) };
}

/** Returns the type of shown content, in our own words; undefined for content that is saved. */
function shownType(contentType: string): string | undefined {
  const [, given, charset] = plainForm.exec(contentType) ?? [];
  const type = shown.find((known) => known === given?.toLowerCase());
  if (type === undefined || charset === undefined) return type;
  const label = charset.toLowerCase();
  return Object.hasOwn(charsets, label) ? `${type}; charset=${charsets[label]}` : undefined;
}

/** Returns the value of Content-Disposition (RFC 6266) for an artifact's name. */
function contentDisposition(name: string, isShown: boolean): string {
  const fileName = name.split('/').at(-1)!;
  const plain = fileName.replace(/[^ -~]/gu, '_').replace(/["\\%]/g, '_');
  // Clients that know the extended form prefer it. It is left out if the plain form says the same.
  const extended = plain === fileName ? '' : `; filename*=UTF-8''${extendedValue(fileName)}`;
  return `${isShown ? 'inline' : 'attachment'}; filename="${plain}"${extended}`;
}

/** Encodes a text by RFC 8187: attribute characters stay, all others are percent-encoded UTF-8. */
function extendedValue(text: string): string {
  const escaped = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text.toWellFormed()).replace(/['()*]/g, escaped);
}
