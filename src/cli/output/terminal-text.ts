import { Buffer } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { plain } from './human.ts';

/** A break between lines, a tab, or a character that could steer a terminal. */
const special = /\r\n|[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Returns several lines for a terminal: characters that could steer it, or hide text in it, are written out. */
export function plainLines(text: string): string {
  return text.replace(special, (one) => (one === '\n' || one === '\r\n' || one === '\t' ? one : plain(one)));
}

/**
 * Content for a terminal, in pieces of any size. Text is shown as text, and other bytes without anything that could
 * steer the terminal.
 */
export class TerminalText {
  private decoder: TextDecoder | undefined;
  /** A carriage return, which may belong to the end of a line; or the first byte of the content. */
  private waiting = '';
  private first: Uint8Array = new Uint8Array(0);

  /** Returns the part of a piece that can be shown. */
  write(piece: Uint8Array | string): string {
    if (typeof piece === 'string') return this.shown(`${this.rest()}${piece}`);
    if (this.decoder !== undefined) return this.shown(this.decoder.decode(piece, { stream: true }));
    const bytes = Buffer.concat([this.first, piece]);
    this.first = bytes.length < 2 ? bytes : new Uint8Array(0);
    if (bytes.length < 2) return '';
    this.decoder = decoderOf(bytes);
    return this.shown(this.decoder.decode(bytes, { stream: true }));
  }

  /** Returns the rest at the end. */
  end(): string {
    const waiting = `${this.waiting}${this.rest()}`;
    this.waiting = '';
    return plainLines(waiting);
  }

  private rest(): string {
    const rest = (this.decoder ?? new TextDecoder()).decode(this.first);
    this.decoder = undefined;
    this.first = new Uint8Array(0);
    return rest;
  }

  private shown(piece: string): string {
    const text = this.waiting + piece;
    this.waiting = text.endsWith('\r') ? '\r' : '';
    return plainLines(text.slice(0, text.length - this.waiting.length));
  }
}

/** Returns a decoder of UTF-8, unless a byte order mark says otherwise. The mark is not shown. */
function decoderOf(bytes: Buffer): TextDecoder {
  const mark = bytes.readUInt16BE(0);
  return new TextDecoder(mark === 0xfffe ? 'utf-16le' : mark === 0xfeff ? 'utf-16be' : 'utf-8');
}
