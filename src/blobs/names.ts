/**
 * Physical names: `<namespace internal id>/<2 hex>/<upload id>`. The grammar keeps a name inside its directory: no dot,
 * no slash, no empty part. This service mints the names, so a name that does not match is a programming error and a
 * RangeError.
 */

const segment = /^[0-9a-z][0-9a-z_-]{0,63}$/;
const shard = /^[0-9a-f]{2}$/;

/** The directories over which a namespace's blobs are spread: `00` to `ff`. */
export const shards: readonly string[] = Array.from({ length: 256 }, (_, n) =>
  n.toString(16).padStart(2, '0'),
);

interface BlobName {
  readonly internalId: string;
  readonly shard: string;
  readonly uploadId: string;
}

/**
 * Returns true for 1 to 64 characters of `0-9 a-z _ -` that begin with a letter or digit: an upload id, an internal id.
 */
export function isSegment(text: string): boolean {
  return segment.test(text);
}

/** Returns undefined unless `name` follows the grammar. */
export function parseBlobName(name: string): BlobName | undefined {
  const parts = name.split('/');
  const [internalId, hex, uploadId] = parts as [string, string?, string?];
  if (parts.length !== 3 || hex === undefined || uploadId === undefined) return undefined;
  if (!isSegment(internalId) || !shard.test(hex) || !isSegment(uploadId)) return undefined;
  return { internalId, shard: hex, uploadId };
}

/** Returns the parts of a physical name. RangeError for any other text. */
export function blobName(name: string): BlobName {
  const parsed = parseBlobName(name);
  if (parsed === undefined) throw new RangeError(`not a physical name: ${JSON.stringify(name)}`);
  return parsed;
}

/** Throws a RangeError unless `internalId` can be the first part of a physical name. */
export function checkInternalId(internalId: string): void {
  if (!isSegment(internalId)) throw new RangeError(`not an internal id: ${JSON.stringify(internalId)}`);
}

/** Returns the shard itself. RangeError for any other text. */
export function checkShard(text: string): string {
  if (!shard.test(text)) throw new RangeError(`not a shard: ${JSON.stringify(text)}`);
  return text;
}

/** Throws a RangeError unless both are whole numbers of bytes. */
export function checkByteRange(offset: number, length: number): void {
  if (!(Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0)) {
    throw new RangeError(`not a byte range: offset ${offset}, length ${length}`);
  }
}
