/** Content-Digest (RFC 9530): a dictionary of digests as byte sequences (RFC 8941). */
import { Buffer } from 'node:buffer';
import { badField } from '../errors.ts';

const member = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):((?:;[ ]*[a-z*][a-z0-9_.*-]*(?:=[^,;]*)?)*)$/;

/**
 * Returns the SHA-256 that the header asserts, in hexadecimal, or undefined if it asserts none. Other algorithms are
 * ignored, as the RFC says.
 *
 * @throws HttpError 400 if it is malformed.
 */
export function parseContentDigest(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  let sha256: string | undefined;
  for (const text of header.split(',')) {
    const [, algorithm, base64 = ''] = member.exec(text.trim()) ?? [];
    if (algorithm === undefined)
      throw badField('Content-Digest', 'must be a list of digests such as sha-256=:BASE64:');
    if (algorithm !== 'sha-256') continue;
    const bytes = Buffer.from(base64, 'base64');
    if (bytes.length !== 32 || bytes.toString('base64') !== base64)
      throw badField('Content-Digest', 'must have 32 bytes in base64 for sha-256');
    sha256 = bytes.toString('hex');
  }
  return sha256;
}

/** Returns the header for a digest that is sent. */
export function formatDigest(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}
