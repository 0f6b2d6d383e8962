/**
 * Counts the contents of a JSON message without parsing it. Native code skips the text between quotes. So large
 * contents, which are one text each, cost almost nothing.
 */
import { Buffer } from 'node:buffer';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { limits } from '../../domain/limits.ts';
import { messageTextTooLong, messageTooIntricate } from '../errors.ts';

const { messageFieldsMax, messageDepthMax, messageTextBytesMax } = limits;

/** This number of bytes between texts counts as one field, since numbers and blanks take time too. */
const bytesPerField = 64;
/** This number of bytes of texts takes as long as a field, or less: a text may become a number or a list of names. */
const textBytesPerField = 64;

/**
 * Returns the number of members and elements in the JSON of a message, or the number that its texts count as if that is
 * larger. Quotes in texts count as well, and so do the commas of texts that may be a field mask. If the bytes are not
 * JSON, the number is about that of the tokens before the fault; the parser will meet the fault too.
 *
 * @throws Failure INVALID_ARGUMENT if the number is above the limits.
 */
export function countTokens(desc: DescMessage, bytes: Uint8Array): number {
  return new TokenCount(bytes, textsOf(desc)).all();
}

const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c];
/** No character between tokens has a higher code. */
const blankMax = 0x20;
const [open, close] = [new Set([0x5b, 0x7b]), new Set([0x5d, 0x7d])];

class TokenCount {
  private readonly bytes: Buffer;
  private readonly texts: Texts;
  private found = 0;
  private textBytes = 0;
  private at = 0;

  constructor(bytes: Uint8Array, texts: Texts) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.texts = texts;
  }

  all(): number {
    const { bytes } = this;
    let [depth, between, isNamed] = [0, 0, false];
    let name = '';
    for (; this.at < bytes.length; this.at++) {
      const byte = bytes[this.at]!;
      if (byte === quote) {
        name = this.text(isNamed && this.texts.mayBeLong.has(name));
        isNamed = false;
        continue;
      }
      if (++between % bytesPerField === 0 || byte === comma) this.take();
      isNamed = byte === colon || (isNamed && byte <= blankMax);
      if (open.has(byte)) {
        this.take();
        if (++depth > messageDepthMax) throw messageTooIntricate();
      } else if (close.has(byte)) depth--;
    }
    return Math.max(this.found, Math.floor(this.textBytes / textBytesPerField));
  }

  /** Goes to the quote that ends the text. @returns the text if it can be a name. */
  private text(mayBeLong: boolean): string {
    const { bytes } = this;
    const start = this.at + 1;
    let end = bytes.indexOf(quote, start);
    for (; end >= 0 && isEscaped(bytes, end); end = bytes.indexOf(quote, end + 1)) this.take();
    this.at = end < 0 ? bytes.length : end;
    // A text that is decoded to bytes takes less time, but some.
    this.textBytes += (this.at - start) / (mayBeLong ? 16 : 1);
    if (!mayBeLong && this.at - start > messageTextBytesMax) throw messageTextTooLong();
    if (this.texts.hasMask)
      for (let at = bytes.indexOf(comma, start); at >= 0 && at < this.at; at = bytes.indexOf(comma, at + 1))
        this.take();
    return this.at - start > nameBytesMax ? '' : bytes.toString('latin1', start, this.at);
  }

  private take(): void {
    if (++this.found > messageFieldsMax) throw messageTooIntricate();
  }
}

/** The greatest length of the name of a field. */
const nameBytesMax = 64;

function isEscaped(bytes: Buffer, at: number): boolean {
  let first = at;
  while (bytes[first - 1] === backslash) first--;
  return (at - first) % 2 === 1;
}

/** The known facts about the texts of a message. */
interface Texts {
  /** The names that only fields of bytes have. */
  readonly mayBeLong: ReadonlySet<string>;
  readonly hasMask: boolean;
}

const textsKnown = new WeakMap<DescMessage, Texts>();

function textsOf(desc: DescMessage): Texts {
  const found = textsKnown.get(desc) ?? readTexts(desc);
  textsKnown.set(desc, found);
  return found;
}

function readTexts(desc: DescMessage): Texts {
  const messages = new Set([desc]);
  const [long, short] = [new Set<string>(), new Set<string>()];
  for (const { fields } of messages)
    for (const field of fields) {
      const names = isBytes(field) ? long : short;
      names.add(field.name).add(field.jsonName);
      if (field.message !== undefined) messages.add(field.message);
    }
  return {
    mayBeLong: long.difference(short),
    hasMask: [...messages].some(({ typeName }) => typeName === 'google.protobuf.FieldMask'),
  };
}

function isBytes(field: DescField): boolean {
  const isOne = field.fieldKind === 'scalar' || (field.fieldKind === 'list' && field.listKind === 'scalar');
  return isOne && field.scalar === ScalarType.BYTES;
}
