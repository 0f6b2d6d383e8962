/**
 * Counts the contents of a binary message. It follows the path of the decoder, without making anything. It knows what
 * the decoder does not check: a known field is read by its own type, whatever its wire type says.
 */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { limits } from '../../domain/limits.ts';
import { messageTextTooLong, messageTooIntricate } from '../errors.ts';

const { messageFieldsMax, messageDepthMax, messageTextBytesMax } = limits;

/**
 * Returns the number of fields of a message. Fields of messages within it, entries of maps, elements of packed lists
 * and unknown fields count too. If the bytes are not a message, the number is that of the fields before the fault; the
 * decoder will meet the fault too.
 *
 * @throws Failure INVALID_ARGUMENT if the number is above the limits.
 */
export function countFields(desc: DescMessage, bytes: Uint8Array): number {
  const count = new FieldCount(bytes);
  try {
    count.fields(desc, bytes.length, 1);
  } catch (error) {
    if (count.refused !== undefined) throw count.refused;
    if (!(error instanceof Error)) throw error;
  }
  return count.found;
}

class FieldCount {
  found = 0;
  refused: Error | undefined;
  private readonly reader: BinaryReader;

  constructor(bytes: Uint8Array) {
    this.reader = new BinaryReader(bytes);
  }

  /**
   * Counts the fields up to `end`.
   *
   * @param desc undefined: none of the fields is known.
   * @param end undefined: the fields are a group, which ends itself.
   */
  fields(desc: DescMessage | undefined, end: number | undefined, depth: number): void {
    const { reader } = this;
    if (depth > messageDepthMax) this.refuse(messageTooIntricate());
    const known = desc && fieldsOf(desc);
    while (end === undefined || reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (end === undefined && wireType === WireType.EndGroup) return;
      this.take();
      const field = known?.get(number);
      if (field !== undefined) this.field(field, wireType, depth);
      else if (wireType === WireType.StartGroup) this.fields(undefined, undefined, depth + 1);
      else reader.skip(wireType, number);
    }
  }

  private field(field: DescField, wireType: WireType, depth: number): void {
    if (field.fieldKind === 'map') this.entry(field, depth);
    else if (field.message !== undefined) this.message(field.message, field.delimitedEncoding, depth);
    else if (field.fieldKind === 'list') this.list(field.scalar ?? ScalarType.INT32, wireType);
    else this.scalar(field.scalar ?? ScalarType.INT32);
  }

  private message(desc: DescMessage, isGroup: boolean, depth: number): void {
    this.fields(desc, isGroup ? undefined : this.reader.uint32() + this.reader.pos, depth + 1);
  }

  private list(type: ScalarType, wireType: WireType): void {
    const { reader } = this;
    const isPackable = type !== ScalarType.STRING && type !== ScalarType.BYTES;
    if (!isPackable || wireType !== WireType.LengthDelimited) this.scalar(type);
    else for (const end = reader.uint32() + reader.pos; reader.pos < end; this.scalar(type)) this.take();
  }

  private entry(field: DescField & { fieldKind: 'map' }, depth: number): void {
    const { reader } = this;
    for (const end = reader.uint32() + reader.pos; reader.pos < end; ) {
      const [number, wireType] = reader.tag();
      this.take();
      if (number === 1) this.scalar(field.mapKey);
      else if (number !== 2 && wireType === WireType.StartGroup) this.fields(undefined, undefined, depth + 1);
      else if (number !== 2) reader.skip(wireType, number);
      else if (field.mapKind === 'message') this.message(field.message, false, depth);
      else this.scalar(field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar);
    }
  }

  private scalar(type: ScalarType): void {
    const { reader } = this;
    if (type === ScalarType.STRING) {
      const start = reader.pos;
      if (reader.uint32() > messageTextBytesMax) this.refuse(messageTextTooLong());
      reader.pos = start;
    }
    reader.skip(wireTypes[type] ?? WireType.Varint);
  }

  private take(): void {
    if (++this.found > messageFieldsMax) this.refuse(messageTooIntricate());
  }

  private refuse(failure: Error): never {
    this.refused = failure;
    throw failure;
  }
}

/** The wire types of the types that are not varints. */
const wireTypes: Readonly<Partial<Record<ScalarType, WireType>>> = {
  [ScalarType.STRING]: WireType.LengthDelimited,
  [ScalarType.BYTES]: WireType.LengthDelimited,
  [ScalarType.DOUBLE]: WireType.Bit64,
  [ScalarType.FIXED64]: WireType.Bit64,
  [ScalarType.SFIXED64]: WireType.Bit64,
  [ScalarType.FLOAT]: WireType.Bit32,
  [ScalarType.FIXED32]: WireType.Bit32,
  [ScalarType.SFIXED32]: WireType.Bit32,
};

const fieldMaps = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(desc: DescMessage): ReadonlyMap<number, DescField> {
  const found = fieldMaps.get(desc) ?? new Map(desc.fields.map((field) => [field.number, field]));
  fieldMaps.set(desc, found);
  return found;
}
