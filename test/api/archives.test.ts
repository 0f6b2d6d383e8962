/** Zip files: what their entries do to them, and how many may be made at once. */
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { Archives } from '../../src/api/archives/archives.ts';
import { type ZipEntry, zipOf } from '../../src/api/archives/zip.ts';
import type { Failure } from '../../src/domain/errors.ts';
import { limits } from '../../src/domain/limits.ts';
import { someBytes } from '../support/calls.ts';

const payer = (name: string) => ({ group: 'g', name });

async function* piecesOf(
  bytes: Uint8Array,
  pieceBytes: number,
  closed: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  } finally {
    closed();
  }
}

async function* listed(...entries: ZipEntry[]): AsyncGenerator<ZipEntry> {
  yield* entries;
}

const entry = (name: string, bytes: AsyncIterable<Uint8Array>): ZipEntry => ({ name, timeMs: 0, bytes });

describe('zipOf', () => {
  it('fails as its entries do, and closes them', async () => {
    let closed = 0;
    async function* failing() {
      try {
        yield someBytes(5);
        throw new Error('the bytes are damaged');
      } finally {
        closed++;
      }
    }
    const zip = zipOf(listed(entry('a', failing())), 1_000);
    await expect(Array.fromAsync(zip)).rejects.toThrow('the bytes are damaged');
    expect(closed).toBe(1);
  });

  it('reads no further than its reader, and closes the entry when the reader stops', async () => {
    let read = 0;
    let closed = 0;
    async function* counted() {
      for await (const piece of piecesOf(someBytes(20_000_000), 1_000_000, () => closed++)) {
        read += piece.length;
        yield piece;
      }
    }
    const zip = zipOf(listed(entry('a', counted())), 1_000_000);
    await zip.next();
    await zip.next();
    // Each of the streams that a piece passes may have one.
    expect(read).toBeLessThanOrEqual(8_000_000);
    await zip.return();
    expect(closed).toBe(1);
  });

  it('takes as many files as a session may have, in pieces of any size', async () => {
    async function* many() {
      for (let at = 0; at < limits.archiveArtifactsMax; at++)
        yield entry(
          `${at}`,
          piecesOf(someBytes(0), 1, () => undefined),
        );
    }
    const zip = Buffer.concat(await Array.fromAsync(zipOf(many(), 333)));
    expect(Object.keys(unzipSync(zip)).length).toBe(limits.archiveArtifactsMax);
  });
});

describe('Archives', () => {
  it('refuse a session with too many artifacts', () => {
    const archives = new Archives({ artifactsMax: 10, artifactsAtOnceMax: 100 });
    using archive = archives.begin(payer('a'), () => undefined);
    archive.add(10);
    expect(() => archive.add(1)).toThrow(/^session: must have at most 10 artifacts/);
  });

  it('refuse what does not fit next to others, unless somebody has too many', () => {
    const archives = new Archives({ artifactsMax: 10, artifactsAtOnceMax: 25 });
    const cut: string[] = [];
    const begin = (name: string) =>
      archives.begin(payer(name), (failure: Failure) => cut.push(`${name} ${failure.reason}`));
    const first = begin('a');
    const [second, third] = [begin('a'), begin('a')];
    first.add(6);
    second.add(9);
    third.add(10);
    expect(() => begin('a').add(1)).toThrow(expect.objectContaining({ reason: 'OVERLOADED' }));
    const other = begin('b');
    other.add(8);
    // The largest of those of the payer with the most gave way.
    expect(cut).toEqual(['a OVERLOADED']);
    third[Symbol.dispose]();
    other[Symbol.dispose]();
    second.add(1);
    expect(cut.length).toBe(1);
  });
});
