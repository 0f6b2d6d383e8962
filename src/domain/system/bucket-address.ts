/** The address of a place in a bucket: `gs://BUCKET` or `gs://BUCKET/PREFIX`. */

/** A place in a bucket. */
export interface BucketAddress {
  readonly bucket: string;
  /** Without a slash at either end; empty: the whole bucket. */
  readonly prefix: string;
}

/** The characters of a name that need no escape in an object's name, a URL or a listing. */
const segment = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const prefixLengthMax = 200;

/**
 * Parses the address. Returns what is wrong with it, as the end of a sentence that begins with the name of the setting.
 */
export function parseBucketAddress(text: string): BucketAddress | string {
  if (!text.startsWith('gs://')) return `must be gs://BUCKET/PREFIX, not ${text}`;
  const [bucket = '', ...parts] = text.slice('gs://'.length).replace(/\/$/, '').split('/');
  const isBucket = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket) && !bucket.includes('..');
  if (!isBucket)
    return `must name a bucket of 3 to 222 lower-case letters, digits, "-", "_" and ".", not "${bucket}"`;
  const bad = parts.find((part) => !segment.test(part));
  if (bad !== undefined || parts.join('/').length > prefixLengthMax)
    return (
      'must have a prefix of letters, digits, "-", "_" and ".", in parts that begin with a letter or digit, of at ' +
      `most ${prefixLengthMax} characters`
    );
  return { bucket, prefix: parts.join('/') };
}

/** Returns the text of an address. */
export function bucketAddressText({ bucket, prefix }: BucketAddress): string {
  return prefix === '' ? `gs://${bucket}` : `gs://${bucket}/${prefix}`;
}
