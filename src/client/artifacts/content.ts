import { ArtifactaError, givenUp } from '../errors.ts';

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

/** A `Blob` or a `File`. The type is spelled out, since a program may have no types of browsers. */
export interface BlobContent {
  readonly size: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** A `ReadableStream` of bytes, e.g. the body of an answer. */
export interface StreamContent {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/**
 * The content for `push`: bytes, text (as UTF-8), a blob or a file of a page, a stream of bytes (read once, never
 * repeated), or a {@link Content}.
 */
export type PushContent =
  | Uint8Array
  | string
  | BlobContent
  | AsyncIterable<Uint8Array>
  | StreamContent
  | Content;

/** Pieces at least this long are sent as they are; shorter ones are gathered. */
const pieceBytesMin = 256 * 1024;
/** The longest message that carries bytes. */
export const chunkBytesMax = 1024 * 1024;

/** Returns anything that may be pushed as a content. It can be read again unless it is a stream. */
export function toContent(given: PushContent): Content {
  if (typeof given === 'string') return bytesContent(new TextEncoder().encode(given));
  if (given instanceof Uint8Array) return bytesContent(given);
  if (typeof given !== 'object' || given === null) throw notContent(given);
  // A stream of a file has a method `open`, too.
  if (Symbol.asyncIterator in given) return { replayable: false, open: () => given };
  if ('open' in given) return given;
  if ('getReader' in given) return { replayable: false, open: () => piecesOfStream(given) };
  if ('slice' in given && 'size' in given) return blobContent(given);
  throw notContent(given);
}

function notContent(given: unknown): TypeError {
  const kind = given instanceof ArrayBuffer ? 'an ArrayBuffer' : typeof given;
  return new TypeError(
    `content: must be bytes (Uint8Array), text, a Blob, a stream of bytes or a Content, not ${kind}; ` +
      'for JSON, push the text of JSON.stringify',
  );
}

/** Returns the blob of a content that was made from one. */
export function blobOf(content: Content): BlobContent | undefined {
  return (content as { readonly blob?: BlobContent }).blob;
}

function blobContent(blob: BlobContent): Content & { readonly blob: BlobContent } {
  return {
    blob,
    sizeBytes: blob.size,
    replayable: true,
    async *open() {
      for (let at = 0; at < blob.size; at += chunkBytesMax) {
        const end = Math.min(at + chunkBytesMax, blob.size);
        yield new Uint8Array(await blob.slice(at, end).arrayBuffer());
      }
    },
  };
}

/** Safari's streams cannot be iterated. */
async function* piecesOfStream(stream: StreamContent): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  let isAtEnd = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isAtEnd = done;
      if (done) return;
      yield value!;
    }
  } finally {
    if (!isAtEnd) await reader.cancel().catch(() => undefined);
  }
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

/** Returns the bytes of all pieces; a single piece as it is. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
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
    const onAbort = () => {
      const { reason } = signal;
      reject(reason instanceof ArtifactaError ? reason : givenUp(signal, reason));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    promise.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
