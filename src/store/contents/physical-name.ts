import { randomBytes } from 'node:crypto';

/**
 * Returns a name that was never used and will never be used again. The two digits in it spread the files over
 * directories.
 */
export function physicalName(internalId: string): string {
  const id = randomBytes(16).toString('hex');
  return `${internalId}/${id.slice(0, 2)}/${id}`;
}
