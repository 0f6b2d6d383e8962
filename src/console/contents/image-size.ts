/** The size of an image by its first bytes, before a browser decodes it: a small file may stand for gigabytes. */

/** Width and height in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** The most pixels that are decoded without being asked for. */
export const pixelsMax = 40_000_000;

/** Returns the size. Undefined: the bytes do not begin like an image of a known kind, or the size comes later. */
export function imageSize(bytes: Uint8Array): ImageSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const has = (at: number, text: string) =>
    bytes.length >= at + text.length &&
    [...text].every((letter, index) => bytes[at + index] === letter.charCodeAt(0));
  if (bytes.length < 26) return undefined;
  if (has(1, 'PNG')) return { width: view.getUint32(16), height: view.getUint32(20) };
  if (has(0, 'GIF8')) return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (has(0, 'BM'))
    return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
  if (has(0, 'RIFF') && has(8, 'WEBP')) return ofWebp(view, has);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return ofJpeg(view);
  return has(4, 'ftypavif') ? ofAvif(bytes, view) : undefined;
}

function ofWebp(view: DataView, has: (at: number, text: string) => boolean): ImageSize | undefined {
  if (view.byteLength < 30) return undefined;
  if (has(12, 'VP8X')) {
    const three = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 65_536 + 1;
    return { width: three(24), height: three(27) };
  }
  if (has(12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

/** Looks for the frame among the segments. */
function ofJpeg(view: DataView): ImageSize | undefined {
  for (let at = 2; at + 9 < view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + Math.max(2, view.getUint16(at + 2));
  }
  return undefined;
}

/** AVIF has its size in a box named `ispe`. */
function ofAvif(bytes: Uint8Array, view: DataView): ImageSize | undefined {
  for (let at = 0; at + 16 < bytes.length; at++)
    if (bytes[at] === 0x69 && bytes[at + 1] === 0x73 && bytes[at + 2] === 0x70 && bytes[at + 3] === 0x65)
      return { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
  return undefined;
}
