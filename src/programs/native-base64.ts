/**
 * Gives Node's encoder of base64 to the library of protobuf. The library uses `Uint8Array.prototype.toBase64` and
 * `setFromBase64` (ECMAScript 2026) if they exist when it is loaded. Otherwise it goes byte by byte, which takes a
 * hundred times as long. Node 24 has neither, so they exist while the library is loaded here. No other code may have
 * loaded it before.
 *
 * The decoder refuses input that it cannot take as it is (white space, no padding, another alphabet), and the library
 * decodes that itself. For all other code that would be a fault, so neither function stays.
 */
import { Buffer } from 'node:buffer';

/** The requested form, with the defaults of the standard. */
interface Base64Options {
  readonly alphabet?: 'base64' | 'base64url';
  readonly omitPadding?: boolean;
}

type Native = Record<'toBase64' | 'setFromBase64', unknown>;

const added: Native = {
  toBase64(this: Uint8Array, { alphabet = 'base64', omitPadding = false }: Base64Options = {}): string {
    const text = bufferOf(this).toString(alphabet);
    // Of the two alphabets Node pads only the first.
    if (alphabet === 'base64') return omitPadding ? text.replace(/=+$/, '') : text;
    return omitPadding ? text : text.padEnd(4 * Math.ceil(text.length / 4), '=');
  },
  setFromBase64(this: Uint8Array, text: string): { read: number; written: number } {
    const length = lengthOf(text);
    // Node skips characters that it does not know and stops at what it takes for the end. It then has written fewer
    // bytes.
    if (length > this.length || notBase64.test(text) || bufferOf(this).write(text, 'base64') !== length)
      throw new SyntaxError('not base64 of the standard alphabet with its padding');
    return { read: text.length, written: length };
  },
};

/** Node takes the other alphabet too, and of wide characters the lower half. */
const notBase64 = /[^A-Za-z0-9+/=]/;

const target = Uint8Array.prototype as Partial<Native>;
const missing = (['toBase64', 'setFromBase64'] as const).filter((name) => !(name in target));
for (const name of missing) target[name] = added[name];
try {
  await import('@bufbuild/protobuf/wire');
} finally {
  for (const name of missing) delete target[name];
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Returns the number of bytes that a text of whole groups stands for. */
function lengthOf(text: string): number {
  if (text.length % 4 !== 0) return Number.POSITIVE_INFINITY;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}
