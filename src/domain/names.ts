import { Buffer } from 'node:buffer';
import { invalid } from './errors.ts';
import { limits } from './limits.ts';
import { bidiControlPattern, controlPattern, hasLoneSurrogate } from './text.ts';

/** A valid artifact name in NFC: segments separated by `/`. */
export type ArtifactName = string & { readonly __brand: 'ArtifactName' };
/** A valid session id as the caller chose it. */
export type SessionId = string & { readonly __brand: 'SessionId' };
/** What the ids of some sessions begin with: a session id and a separator, such as `run_42.`. */
export type SessionPrefix = string & { readonly __brand: 'SessionPrefix' };
/** A valid namespace name. */
export type Namespace = string & { readonly __brand: 'Namespace' };

const sessionIdPattern = /^[A-Za-z0-9._:-]+$/;
const namespacePattern = /^[a-z0-9-]{1,63}$/;
const requestIdPattern = /^[\x21-\x7e]+$/;

/** Parses an artifact name. @throws Failure INVALID_ARGUMENT naming `field`. */
export function parseArtifactName(field: string, input: string): ArtifactName {
  if (input === '') throw invalid(field, 'is required');
  if (hasLoneSurrogate(input)) throw invalid(field, 'must be valid Unicode');
  const name = input.normalize('NFC');
  const bytes = Buffer.byteLength(name);
  if (bytes > limits.nameBytesMax)
    throw invalid(field, `must have at most ${limits.nameBytesMax} bytes, not ${bytes}`);
  if (controlPattern.test(name)) throw invalid(field, 'must not contain a control character');
  if (bidiControlPattern.test(name))
    throw invalid(field, 'must not contain a character that changes the direction of text');
  if (name.includes('\\'))
    throw invalid(field, 'must not contain a backslash; segments are separated by "/"');
  for (const segment of name.split('/')) {
    if (segment === '')
      throw invalid(field, 'must not have an empty segment (a leading, trailing or double "/")');
    if (segment === '.' || segment === '..') throw invalid(field, `must not have a segment "${segment}"`);
    if (Buffer.byteLength(segment) > limits.nameSegmentBytesMax)
      throw invalid(field, `must not have a segment of more than ${limits.nameSegmentBytesMax} bytes`);
  }
  return name as ArtifactName;
}

/** Parses a session id. @throws Failure INVALID_ARGUMENT naming `field`. */
export function parseSessionId(field: string, input: string): SessionId {
  if (input === '') throw invalid(field, 'is required');
  if (input.length > limits.sessionIdCharactersMax)
    throw invalid(
      field,
      `must have at most ${limits.sessionIdCharactersMax} characters, not ${input.length}`,
    );
  if (!sessionIdPattern.test(input)) throw invalid(field, 'must have only letters, digits and . _ : -');
  if (input === '.' || input === '..') throw invalid(field, `must not be "${input}"`);
  return input as SessionId;
}

/**
 * Parses what session ids begin with. It ends with a separator, so that `run_42.` does not allow `run_421`. A `-` or `_`
 * is none: most ids have them within a word, and `run_` would allow every run.
 *
 * @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseSessionPrefix(field: string, input: string): SessionPrefix {
  const separated = /^(.*)[.:]$/s.exec(input);
  if (separated === null) throw invalid(field, 'must end with "." or ":", for example "run_42."');
  if (input.length >= limits.sessionIdCharactersMax)
    throw invalid(
      field,
      `must have fewer than ${limits.sessionIdCharactersMax} characters, not ${input.length}`,
    );
  parseSessionId(field, separated[1]!);
  return input as SessionPrefix;
}

/** Parses the name of a namespace. @throws Failure INVALID_ARGUMENT naming `field`. */
export function parseNamespace(field: string, input: string): Namespace {
  if (!namespacePattern.test(input))
    throw invalid(field, 'must be 1 to 63 lower-case letters, digits and "-"');
  return input as Namespace;
}

/**
 * Parses printable ASCII without spaces; empty means no request id. @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseRequestId(field: string, input: string): string | undefined {
  if (input === '') return undefined;
  if (input.length > limits.requestIdCharactersMax)
    throw invalid(
      field,
      `must have at most ${limits.requestIdCharactersMax} characters, not ${input.length}`,
    );
  if (!requestIdPattern.test(input))
    throw invalid(field, 'must have only printable ASCII characters, without spaces');
  return input;
}
