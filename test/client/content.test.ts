import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  appendFile,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chunkBytesMax, chunked, readAhead, toContent } from '../../src/client/artifacts/content.ts';
import { FileUnsuitable, fileContent } from '../../src/client/files/file.ts';

async function* from(pieces: readonly Uint8Array[]) {
  yield* pieces;
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

describe('toContent', () => {
  it('takes a stream of a file, which has a method `open` like a Content, for the stream that it is', async () => {
    const content = toContent(createReadStream(import.meta.filename));
    expect(content.replayable).toBe(false);
    expect(Buffer.concat(await all(content.open()))).toEqual(await readFile(import.meta.filename));
  });
});

describe('chunked', () => {
  it('keeps the bytes and bounds the pieces', async () => {
    const lengths = fc.array(fc.oneof(fc.nat(1000), fc.nat(3 * chunkBytesMax)), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, async (given) => {
        const pieces = given.map((length, at) => new Uint8Array(length).fill(at));
        const chunks = await all(chunked(from(pieces)));
        expect(Buffer.compare(Buffer.concat(chunks), Buffer.concat(pieces))).toBe(0);
        expect(chunks.every(({ byteLength }) => byteLength > 0 && byteLength <= chunkBytesMax)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses what is no bytes', async () => {
    const texts = from(['text' as unknown as Uint8Array]);
    await expect(all(chunked(texts))).rejects.toThrow(TypeError);
  });
});

describe('reading ahead', () => {
  it('gives short contents as bytes and long ones whole', async () => {
    const bytes = randomBytes(1_000);
    const pieces = [bytes.subarray(0, 400), bytes.subarray(400)];
    expect(await readAhead(toContent(from(pieces)), 1_000)).toEqual(new Uint8Array(bytes));
    expect(await readAhead(toContent(from([])), 1_000)).toHaveLength(0);
    const long = await readAhead(toContent(from(pieces)), 999);
    if (long instanceof Uint8Array) throw new Error('a long content came back as bytes');
    expect(Buffer.concat(await all(long.open()))).toEqual(bytes);
  });

  it('closes a source that is not read on', async () => {
    let closed = false;
    async function* source() {
      try {
        for (;;) yield randomBytes(10);
      } finally {
        closed = true;
      }
    }
    const content = await readAhead(toContent(source()), 100);
    await (content as { close(): Promise<void> }).close();
    expect(closed).toBe(true);
  });

  it('ends when it is told to, although the source stands still', async () => {
    const stop = new AbortController();
    async function* still() {
      yield randomBytes(1);
      await new Promise(() => {});
    }
    const read = readAhead(toContent(still()), 100, stop.signal);
    stop.abort();
    await expect(read).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a file', () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'artifacta-file-'));
    path = join(directory, 'file');
    await writeFile(path, randomBytes(2_500_000));
  });

  afterEach(() => rm(directory, { recursive: true }));

  it('can be read again and again', async () => {
    const content = await fileContent(path);
    expect(content).toMatchObject({ sizeBytes: 2_500_000, replayable: true });
    const first = Buffer.concat(await all(content.open()));
    expect(first.byteLength).toBe(2_500_000);
    expect(Buffer.compare(first, Buffer.concat(await all(content.open())))).toBe(0);
  });

  const changes: [string, () => Promise<void>, RegExp][] = [
    ['shrinks', () => truncate(path, 1_200_000), /has 1200000 now/],
    ['grows', () => truncate(path, 3_000_000), /more now|3000000 now/],
    ['is written to', () => utimes(path, new Date(), new Date(0)), /written to/],
  ];

  it.each(changes)('that %s while it is read is refused', async (_how, change, message) => {
    const content = await fileContent(path);
    const read = async () => {
      let first = true;
      for await (const _ of content.open()) {
        if (first) await change();
        first = false;
      }
    };
    await expect(read()).rejects.toThrow(message);
  });

  it.each([
    ['grows', () => appendFile(path, 'more')],
    ['is written to', () => utimes(path, new Date(), new Date(0))],
  ])('that %s is read as it was at first if that is asked for, again and again', async (_how, change) => {
    const before = await readFile(path);
    const content = await fileContent(path, { snapshot: true });
    for (let time = 0; time < 2; time++) {
      const read: Uint8Array[] = [];
      for await (const piece of content.open()) {
        read.push(piece);
        await change();
      }
      expect(Buffer.compare(Buffer.concat(read), before)).toBe(0);
    }
  });

  it('that shrinks, or that another one replaced, is refused all the same', async () => {
    const content = await fileContent(path, { snapshot: true });
    await truncate(path, 1_200_000);
    await expect(all(content.open())).rejects.toMatchObject({
      message: expect.stringMatching(/has 1200000 now/),
      grew: false,
    });
    await writeFile(join(directory, 'new'), randomBytes(2_500_000));
    await rename(join(directory, 'new'), path);
    await expect(all(content.open())).rejects.toThrow(/took its place/);
  });

  it('that is empty may have begun to grow; one of the kernel says so and does not', async () => {
    await writeFile(path, '');
    const content = await fileContent(path, { snapshot: true });
    await appendFile(path, 'more');
    expect(await all(content.open())).toEqual([]);
    const kernel = await fileContent('/proc/self/status');
    await expect(all(kernel.open())).rejects.toMatchObject({
      message: expect.stringMatching(/has more now/),
      grew: false,
    });
  });

  it('that another one replaced is refused', async () => {
    const content = await fileContent(path);
    await writeFile(join(directory, 'new'), randomBytes(2_500_000));
    await rename(join(directory, 'new'), path);
    await expect(all(content.open())).rejects.toThrow(/took its place/);
  });

  it('must be a regular one', async () => {
    await expect(fileContent(directory)).rejects.toThrow(FileUnsuitable);
    await expect(fileContent('/dev/null')).rejects.toThrow(/is a device/);
    await symlink(path, join(directory, 'link'));
    expect((await fileContent(join(directory, 'link'))).sizeBytes).toBe(2_500_000);
    const unfollowed = fileContent(join(directory, 'link'), { followLink: false });
    await expect(unfollowed).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(fileContent(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
