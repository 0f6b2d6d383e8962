import { Buffer } from 'node:buffer';
import { toArtifactaError } from '../errors.ts';

/** Bytes to push. */
export interface Content {
  /** The number of bytes, if known before they are read. */
  readonly sizeBytes?: number;
  /** True: `open` may be called again and returns the same bytes, so that a push can be repeated. */
  readonly replayable: boolean;
  /** Returns the bytes, in pieces of any size. */
  open(): AsyncIterable<Uint8Array>;
  /** Releases the source, whether read or not. Default: does nothing. */
  close?(): Promise<void>;
}

/**
 * The content for `push`: bytes, text (as UTF-8), a stream of bytes (read once, never repeated), or a {@link Content}.
 */
export type PushContent = Uint8Array | string | AsyncIterable<Uint8Array> | Content;

/** Pieces at least this long are sent as they are; shorter ones are gathered. */
const pieceBytesMin = 256 * 1024;
/** The longest message that carries bytes. */
export const chunkBytesMax = 1024 * 1024;

/** Returns anything that may be pushed as a content. It can be read again unless it is a stream. */
export function toContent(given: PushContent): Content {
  if (typeof given === 'string') return bytesContent(Buffer.from(given));
  if (given instanceof Uint8Array) return bytesContent(given);
  // A stream of a file has a method `open`, too.
  if (Symbol.asyncIterator in given) return { replayable: false, open: () => given };
  return given;
}

function bytesContent(bytes: Uint8Array): Content {
  return {
    sizeBytes: bytes.byteLength,
    replayable: true,
    async *open() {
      yield bytes;
    },
  };
}

/**
 * Yields the same bytes in pieces of 256 KiB to 1 MiB (the last may be shorter, none is empty). Short pieces are not
 * gathered to 1 MiB, so that a slow source is not taken for a dead one.
 */
export async function* chunked(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  for await (const piece of pieces) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('a source of bytes must give only bytes');
    if (piece.byteLength === 0) continue;
    gathered.push(piece);
    gatheredBytes += piece.byteLength;
    if (gatheredBytes < pieceBytesMin) continue;
    yield* split(joined(gathered));
    gathered = [];
    gatheredBytes = 0;
  }
  if (gatheredBytes > 0) yield* split(joined(gathered));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

function* split(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += chunkBytesMax) yield bytes.subarray(at, at + chunkBytesMax);
}

/**
 * Reads up to `bytesMax` bytes ahead. Content that ends within that is returned as bytes. Longer content is returned as
 * a content that yields the bytes read so far and then the rest, once; it must be closed.
 *
 * @throws ArtifactaError CANCELLED when the signal is aborted, even while the source makes no progress.
 */
export async function readAhead(
  content: Content,
  bytesMax: number,
  signal?: AbortSignal,
): Promise<Uint8Array | Content> {
  const iterator = content.open()[Symbol.asyncIterator]();
  const close = async () => {
    await iterator.return?.();
  };
  const read: Uint8Array[] = [];
  let readBytes = 0;
  while (readBytes <= bytesMax) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await unlessAborted(iterator.next(), signal);
    } catch (error) {
      // The call is not awaited: a source that makes no progress would delay the refusal.
      close().catch(() => {});
      throw error;
    }
    if (next.done) return joined(read.length === 0 ? [new Uint8Array()] : read);
    read.push(next.value);
    readBytes += next.value.byteLength;
  }
  return {
    replayable: false,
    close,
    async *open() {
      yield* read.splice(0);
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    },
  };
}

/**
 * Returns the same promise, or a rejection with ArtifactaError CANCELLED if the signal comes first. It leaves nothing
 * behind: a race against one promise for the signal would keep every result alive for as long as that promise lives.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(toArtifactaError(signal.reason, signal));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    promise.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
