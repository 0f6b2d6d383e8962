/** Zip files (APPNOTE.TXT 6.3.10), made while they are read. Nothing is compressed. */
import { makeZip } from 'client-zip';

/** A file to add. */
export interface ZipEntry {
  /** Its path, with `/` between the segments. */
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Smaller pieces are joined to pieces of this size: a file has heads of a few bytes. */
const joinedBytes = 64 * 1024;

/**
 * Yields a zip file in pieces of at most `pieceBytesMax`. It reads the entries as fast as its reader takes the pieces,
 * and keeps in memory one line of the directory for each. The errors of the entries are thrown.
 */
export async function* zipOf(
  entries: AsyncIterable<ZipEntry>,
  pieceBytesMax: number,
): AsyncGenerator<Uint8Array, void, void> {
  // The library does not close what it reads when its reader gives up.
  let open: AsyncIterator<Uint8Array> | undefined;
  async function* files() {
    for await (const { name, timeMs, bytes } of entries) {
      const iterator = bytes[Symbol.asyncIterator]();
      open = iterator;
      yield { name, lastModified: inUtc(timeMs), input: { [Symbol.asyncIterator]: () => iterator } };
    }
  }
  try {
    for await (const piece of joined(piecesOf(makeZip(files()))))
      for (let at = 0; at < piece.length; at += pieceBytesMax) yield piece.subarray(at, at + pieceBytesMax);
  } finally {
    await open?.return?.();
  }
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // It throws into what it reads, which throws that again.
    await reader.cancel().catch(() => undefined);
  }
}

/** Yields the same bytes, small pieces together. */
async function* joined(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  const together = () => {
    const whole = Buffer.concat(small);
    small = [];
    smallBytes = 0;
    return whole;
  };
  for await (const piece of pieces) {
    if (smallBytes + piece.length > joinedBytes && smallBytes > 0) yield together();
    if (piece.length >= joinedBytes) yield piece;
    else {
      small.push(piece);
      smallBytes += piece.length;
    }
  }
  if (smallBytes > 0) yield together();
}

/** Returns the date whose local time is the time in UTC: the times in a zip file have no zone. */
function inUtc(timeMs: number): Date {
  const date = new Date(timeMs);
  return new Date(
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  );
}
