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
  return isCharset(charset) ? `${type}; charset=${charset.toLowerCase()}` : undefined;
}

/** True for the labels of the Encoding Standard, which browsers know; all others leave them guessing. */
function isCharset(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== '';
  } catch {
    return false;
  }
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
