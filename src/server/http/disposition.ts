/** How a browser is to treat a content that anybody may have uploaded. */

/** Shown in place. Everything else is saved: HTML, SVG and PDF run scripts, and unknown types may be guessed at. */
const shown = new Set([
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/webp',
  'text/csv',
  'text/markdown',
  'text/plain',
  'text/tab-separated-values',
]);

/** The value of Content-Disposition (RFC 6266) for an artifact's name and type. */
export function contentDisposition(name: string, contentType: string): string {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  const fileName = name.split('/').at(-1)!;
  const plain = fileName.replace(/[^ -~]/gu, '_').replace(/["\\%]/g, '_');
  // Clients that know the extended form prefer it; it is left out where the plain one says the same.
  const extended = plain === fileName ? '' : `; filename*=UTF-8''${extendedValue(fileName)}`;
  return `${shown.has(type) ? 'inline' : 'attachment'}; filename="${plain}"${extended}`;
}

/** RFC 8187: attribute characters stay, all others are percent-encoded UTF-8. */
function extendedValue(text: string): string {
  const escaped = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text.toWellFormed()).replace(/['()*]/g, escaped);
}
