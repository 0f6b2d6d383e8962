/**
 * The fault of a JSON message that the library refuses, in words of this service: the field, and what it must be. The
 * search begins only after the library has refused the message. The library judges each value here too, so that the two
 * cannot differ.
 */
import { Buffer } from 'node:buffer';
import { type DescField, type DescMessage, fromJson, fromJsonString, ScalarType } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import type { Violation } from '../../domain/errors.ts';
import { JsonScanner, JsonSyntaxError } from '../../domain/json/json-scanner.ts';
import { turn } from '../timer.ts';
import { mustBeDuration, mustBeTime } from './times.ts';

type Json = Parameters<typeof fromJson>[1];

/** The number of bytes to scan before other calls get a turn. */
const turnBytes = 256 * 1024;

/** @param bytes valid UTF-8. */
export async function jsonFault(desc: DescMessage, bytes: Uint8Array): Promise<Violation> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fault = await syntaxFault(text);
  if (fault !== undefined) return whole(fault);
  const value = JSON.parse(new TextDecoder().decode(bytes)) as Json;
  return (
    faultIn(desc, value, '') ??
    whole(repeatedKey(desc, text) ?? `must be a message of ${desc.typeName} in JSON`)
  );
}

function whole(description: string): Violation {
  return { field: 'request', description };
}

async function syntaxFault(text: Buffer): Promise<string | undefined> {
  const start = text.subarray(0, 3).equals(byteOrderMark) ? byteOrderMark.length : 0;
  if (text.length === start) return 'must be a JSON object, not empty; send {} for a message without fields';
  try {
    const scanner = new JsonScanner(text, start, []);
    while (!scanner.scan(turnBytes)) await turn();
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { offset, fault } = error;
    const found = offset < text.length ? '' : ', where it ends';
    return `must be a JSON object: ${fault} at byte ${offset}${found}`;
  }
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Returns the key that an object has twice. Only the library's look at the text can tell. */
function repeatedKey(desc: DescMessage, text: Buffer): string | undefined {
  try {
    fromJsonString(desc, text.toString('utf8'));
    return undefined;
  } catch (error) {
    const [, key] = /: duplicate object key "(.*)"$/s.exec((error as Error).message) ?? [];
    return key === undefined
      ? undefined
      : `must have each key only once in an object; ${shown(key)} occurs twice`;
  }
}

/** @param path of the message within the request; empty for the request itself. */
function faultIn(desc: DescMessage, value: Json, path: string): Violation | undefined {
  if (!isObject(value))
    return { field: path === '' ? 'request' : path, description: 'must be a JSON object' };
  const seen = new Map<object, string>();
  for (const [key, one] of Object.entries(value)) {
    const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined) return unknownField(desc, path, key);
    const where = joined(path, field.name);
    if (!accepts(desc, { [key]: one })) return faultOf(desc, field, key, one, where);
    const other = seen.get(field.oneof ?? field);
    if (other === field.name) return { field: where, description: 'must be given only once' };
    if (other !== undefined) return { field: where, description: `must not be given together with ${other}` };
    // Null does not count as one of the alternatives.
    if (one !== null || field.oneof === undefined) seen.set(field.oneof ?? field, field.name);
  }
  return undefined;
}

function faultOf(desc: DescMessage, field: DescField, key: string, value: Json, where: string): Violation {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return { field: where, description: 'must be an array' };
    const at = value.findIndex((one) => !accepts(desc, { [key]: [one] }));
    return inElement(field, value[at], `${where}[${at}]`);
  }
  if (field.fieldKind === 'map') {
    if (!isObject(value)) return { field: where, description: 'must be a JSON object' };
    const found = Object.entries(value).find(([name, one]) => !accepts(desc, { [key]: { [name]: one } }));
    return inElement(field, found?.[1], `${where}[${shown(found?.[0] ?? '')}]`);
  }
  return inElement(field, value, where);
}

/** Checks a value, or an element of a list or a map. */
function inElement(field: DescField, value: Json | undefined, where: string): Violation {
  const { message } = field;
  const wanted = { field: where, description: wantedOf(field) };
  if (message === undefined || message.typeName in special || value === undefined) return wanted;
  return faultIn(message, value, where) ?? wanted;
}

function unknownField(desc: DescMessage, path: string, key: string): Violation {
  const names = desc.fields.map(({ name }) => name).join(', ');
  const known = names === '' ? 'it has no fields' : `its fields are ${names}`;
  return { field: joined(path, shown(key)), description: `must be a field of ${desc.typeName}; ${known}` };
}

function accepts(desc: DescMessage, json: Json): boolean {
  try {
    fromJson(desc, json);
    return true;
  } catch {
    return false;
  }
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Returns a key as it was sent, in quotes if it is not a plain name. */
function shown(key: string): string {
  const short = key.toWellFormed().slice(0, 64);
  return /^\w+$/.test(short) ? short : JSON.stringify(short);
}

/** Messages that JSON writes as text. */
const special: Readonly<Record<string, string>> = {
  'google.protobuf.Timestamp': mustBeTime,
  'google.protobuf.Duration': mustBeDuration,
  [FieldMaskSchema.typeName]:
    'must be a string: names of fields in lowerCamelCase, separated by commas, e.g. "labels,expireTime"',
};

const int32 = 'must be a whole number from -2147483648 to 2147483647';
const uint32 = 'must be a whole number from 0 to 4294967295';
const int64 = 'must be a whole number from -9223372036854775808 to 9223372036854775807';
const uint64 = 'must be a whole number from 0 to 18446744073709551615';

const scalars: Readonly<Record<ScalarType, string>> = {
  [ScalarType.STRING]: 'must be a string of valid Unicode, in quotes',
  [ScalarType.BYTES]: 'must be bytes in base64, in quotes',
  [ScalarType.BOOL]: 'must be true or false, without quotes',
  [ScalarType.DOUBLE]: 'must be a number',
  [ScalarType.FLOAT]: 'must be a number of single precision',
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
};

/** Returns what a value of the field, of its list or of its map must be. */
function wantedOf(field: DescField): string {
  if (field.enum !== undefined) {
    const names = field.enum.values.map(({ name }) => name);
    return `must be one of ${names.slice(0, 20).join(', ')}`;
  }
  if (field.message !== undefined) return special[field.message.typeName] ?? 'must be a JSON object';
  return scalars[field.scalar ?? ScalarType.STRING];
}
