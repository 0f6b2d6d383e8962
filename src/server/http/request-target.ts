/** Paths and queries, split as they were sent: nothing is normalised, everything is decoded once. */
import { Buffer } from 'node:buffer';
import { badField } from './errors.ts';

/** The target of a request. */
export interface RequestTarget {
  /** The path, not decoded. Begins with a slash, or is a text that no route matches. */
  readonly path: string;
  /** The query, not decoded, without its question mark. */
  readonly query: string;
}

/** Returns path and query of a request’s target, both as they were sent. */
export function splitTarget(url: string): RequestTarget {
  const at = url.indexOf('?');
  return at < 0 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at + 1) };
}

/**
 * Percent-decodes UTF-8, once. Octets above 127 stand for themselves: some clients send them bare, and Node returns
 * each as one character.
 *
 * @throws HttpError 400 naming `field`.
 */
export function decodeText(field: string, text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    throw badField(field, 'must have two hexadecimal digits after each "%"');
  const octets = text.replace(/%(..)/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, 'latin1'));
  } catch {
    throw badField(field, 'must be valid UTF-8');
  }
}

/** Returns the parameters in their order, decoded; `+` is a space, as in forms. @throws HttpError 400. */
export function parseQuery(query: string): [string, string][] {
  return query
    .split('&')
    .filter((text) => text !== '')
    .map((text) => {
      const at = text.indexOf('=');
      const [key, value] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
      const decoded = (part: string) => decodeText('query', part.replaceAll('+', ' '));
      return [decoded(key), decoded(value)];
    });
}
