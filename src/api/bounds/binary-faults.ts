/** The fault of a binary message that the library refuses, in words of this service. */
import { isUtf8 } from 'node:buffer';
import { type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Violation } from '../../domain/errors.ts';

/** Returns the field that is not valid text, or the place from which the bytes cannot be read. */
export function binaryFault(desc: DescMessage, bytes: Uint8Array): Violation {
  const found = new Search(bytes);
  try {
    found.fields(desc, bytes.length, '');
  } catch {
    // The fault is in the field that begins there.
  }
  if (found.badText !== undefined) return { field: found.badText, description: 'must be text in UTF-8' };
  const wanted = `must be a message of ${desc.typeName} in protobuf’s binary format`;
  return { field: 'request', description: `${wanted}; it is malformed from byte ${found.at} on` };
}

class Search {
  badText: string | undefined;
  /** The position where the latest field begins. */
  at = 0;
  private readonly reader: BinaryReader;

  constructor(bytes: Uint8Array) {
    this.reader = new BinaryReader(bytes);
  }

  fields(desc: DescMessage, end: number, path: string): void {
    const { reader } = this;
    while (reader.pos < end && this.badText === undefined) {
      this.at = reader.pos;
      const [number, wireType] = reader.tag();
      const field = desc.fields.find((one) => one.number === number);
      const where = path === '' ? (field?.name ?? '') : `${path}.${field?.name}`;
      if (field === undefined || wireType !== WireType.LengthDelimited) reader.skip(wireType, number);
      else if (field.fieldKind === 'map') this.entry(where);
      else if (field.message !== undefined) this.fields(field.message, reader.uint32() + reader.pos, where);
      else if (field.scalar === ScalarType.STRING) this.text(where);
      else reader.skip(wireType, number);
    }
  }

  /** Checks an entry of a map, whose keys and values are texts. */
  private entry(where: string): void {
    const { reader } = this;
    for (const end = reader.uint32() + reader.pos; reader.pos < end; ) {
      const [number, wireType] = reader.tag();
      if (wireType === WireType.LengthDelimited) this.text(where);
      else reader.skip(wireType, number);
    }
  }

  private text(where: string): void {
    if (!isUtf8(this.reader.bytes())) this.badText ??= where;
  }
}
