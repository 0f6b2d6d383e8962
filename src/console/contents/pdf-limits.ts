/** How large a page of a PDF is drawn, and how much of a file is read: a small file may ask for pages of any size. */

/** The longest file that is shown. A longer one can be saved. */
export const pdfBytesMax = 64 * 1024 * 1024;
/** The most pixels of a page that is drawn: 64 MiB of memory. */
export const pagePixelsMax = 16_000_000;
/** The longest side of a page that is drawn, in pixels. Browsers have limits of their own. */
const sideMax = 8_192;

/** A page that is drawn. */
interface DrawnPage {
  /** By which the size of the page is multiplied. */
  readonly scale: number;
  /** True: the page is drawn smaller than was asked for. */
  readonly isReduced: boolean;
}

/**
 * Returns the scale for a page. Undefined: the page has no size that can be drawn. @param wanted the scale that the
 * reader and the screen ask for.
 */
export function scaleOf(
  { width, height }: { readonly width: number; readonly height: number },
  wanted: number,
): DrawnPage | undefined {
  const isSize = (side: number) => Number.isFinite(side) && side > 0;
  if (!isSize(width) || !isSize(height)) return undefined;
  const most = Math.min(Math.sqrt(pagePixelsMax / (width * height)), sideMax / width, sideMax / height);
  const scale = Math.min(wanted, most);
  if (Math.floor(width * scale) < 1 || Math.floor(height * scale) < 1) return undefined;
  return { scale, isReduced: scale < wanted };
}
