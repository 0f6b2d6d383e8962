import { randomBytes } from 'node:crypto';

/** A name that was never used and never will be again; the two digits in it spread the files over directories. */
export function physicalName(internalId: string): string {
  const id = randomBytes(16).toString('hex');
  return `${internalId}/${id.slice(0, 2)}/${id}`;
}
