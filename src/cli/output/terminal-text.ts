import { Buffer } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { plain } from './human.ts';

/** A break between lines, a tab, or what could steer a terminal. */
const special = /\r\n|[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Several lines as a terminal is shown them: what could steer it, or hide text in it, is written out. */
export function plainLines(text: string): string {
  return text.replace(special, (one) => (one === '\n' || one === '\r\n' || one === '\t' ? one : plain(one)));
}

/**
 * A content as a terminal is shown it, in pieces of any size: the text that it is, and of other bytes nothing that could
 * steer the terminal.
 */
export class TerminalText {
  private decoder: TextDecoder | undefined;
  /** A carriage return, which may belong to the end of a line; or the first byte of all. */
  private held = '';
  private first: Uint8Array = new Uint8Array(0);

  /** What of a piece can be shown. */
  write(piece: Uint8Array | string): string {
    if (typeof piece === 'string') return this.shown(`${this.rest()}${piece}`);
    if (this.decoder !== undefined) return this.shown(this.decoder.decode(piece, { stream: true }));
    const bytes = Buffer.concat([this.first, piece]);
    this.first = bytes.length < 2 ? bytes : new Uint8Array(0);
    if (bytes.length < 2) return '';
    this.decoder = decoderOf(bytes);
    return this.shown(this.decoder.decode(bytes, { stream: true }));
  }

  /** What is left at the end. */
  end(): string {
    const held = `${this.held}${this.rest()}`;
    this.held = '';
    return plainLines(held);
  }

  private rest(): string {
    const rest = (this.decoder ?? new TextDecoder()).decode(this.first);
    this.decoder = undefined;
    this.first = new Uint8Array(0);
    return rest;
  }

  private shown(piece: string): string {
    const text = this.held + piece;
    this.held = text.endsWith('\r') ? '\r' : '';
    return plainLines(text.slice(0, text.length - this.held.length));
  }
}

/** Of UTF-8, unless a byte order mark says otherwise, which is not shown. */
function decoderOf(bytes: Buffer): TextDecoder {
  const mark = bytes.readUInt16BE(0);
  return new TextDecoder(mark === 0xfffe ? 'utf-16le' : mark === 0xfeff ? 'utf-16be' : 'utf-8');
}
