import { Buffer } from 'node:buffer';
import { type Failure, invalid } from '../domain/errors.ts';
import type { Waypoint } from '../domain/json/json-scanner.ts';
import { limits } from '../domain/limits.ts';

/** Returns the tokens of a JSON pointer (RFC 6901). @throws Failure INVALID_ARGUMENT naming `field`. */
export function parsePointer(field: string, pointer: string): readonly string[] {
  if (Buffer.byteLength(pointer) > limits.jsonPointerBytesMax)
    throw invalid(field, `must have at most ${limits.jsonPointerBytesMax} bytes`);
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw invalid(field, 'must be empty or begin with "/"');
  if (/~(?![01])/.test(pointer)) throw invalid(field, 'must have "~" only as "~0" or "~1"');
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Returns the pointer for tokens, the reverse of {@link parsePointer}. */
function pointerTo(tokens: readonly string[]): string {
  return tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The greatest number of characters of a key that an error shows. */
const keyCharactersMax = 64;

/**
 * Returns the failure for a pointer that leads nowhere. @param way the values that exist on its way, the document
 * first.
 */
export function leadsNowhere(field: string, tokens: readonly string[], way: readonly Waypoint[]): Failure {
  const nearest = way.at(-1)!;
  const path = pointerTo(tokens.slice(0, way.length - 1));
  const name = path === '' ? 'the document' : JSON.stringify(path);
  return invalid(field, `points to no value in the document: ${name} is ${described(nearest)}`);
}

function described({ type, keys, count }: Waypoint): string {
  if (type === 'array') return `an array of ${count} ${count === 1 ? 'value' : 'values'}`;
  if (type !== 'object') return type === 'null' ? 'null' : `a ${type}`;
  if (count === 0) return 'an object without keys';
  const shown = keys.map((key) => JSON.stringify(shortened(key))).join(', ');
  return `an object with the keys ${shown}${count > keys.length ? ` and ${count - keys.length} more` : ''}`;
}

function shortened(key: string): string {
  const characters = [...key.slice(0, 2 * keyCharactersMax)];
  return characters.length <= keyCharactersMax && key.length <= 2 * keyCharactersMax
    ? key
    : `${characters.slice(0, keyCharactersMax).join('')}…`;
}
