import { crc32 } from 'node:zlib';
import { unzipSync } from 'fflate';
import { expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { create, refusal, sha256, someBytes, upload } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

/** The length of a record of the directory before the name, and where its parts are (APPNOTE.TXT 4.3.12). */
const record = { bytes: 46, time: 12, crc: 16, nameLength: 28, extraLength: 30, commentLength: 32 };

async function archiveOf(service: Service, session: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const { chunk } of service.sessions.downloadArchive({ session })) chunks.push(chunk);
  for (const { length } of chunks) expect(length).toBeLessThanOrEqual(limits.chunkBytesDefault);
  return Buffer.concat(chunks);
}

/** Returns the CRC-32 and the time of each file, by name, as the directory at the end of a zip file has it. */
function directoryOf(zip: Buffer): Map<string, { crc: number; time: number }> {
  const found = new Map<string, { crc: number; time: number }>();
  const signature = Buffer.from([0x50, 0x4b, 1, 2]);
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = zip.readUInt32LE(end + 16);
  while (zip.subarray(at, at + 4).equals(signature)) {
    const nameLength = zip.readUInt16LE(at + record.nameLength);
    const name = zip.toString('utf8', at + record.bytes, at + record.bytes + nameLength);
    found.set(name, { crc: zip.readUInt32LE(at + record.crc), time: zip.readUInt32LE(at + record.time) });
    at +=
      record.bytes +
      nameLength +
      zip.readUInt16LE(at + record.extraLength) +
      zip.readUInt16LE(at + record.commentLength);
  }
  return found;
}

/** DownloadArchive: a session as one zip file. */
export function archiveSuite(open: OpenService): void {
  const opened = checked(open);

  it('contains the latest version of each name, with its bytes, checksum and time', async () => {
    const service = await opened();
    const contents = new Map([
      ['empty', new Uint8Array()],
      ['small.txt', someBytes(1_000)],
      ['dir/exact', someBytes(64 * 1024, 2)],
      ['dir/more', someBytes(64 * 1024 + 1, 3)],
      ['dir/äöü 数.bin', someBytes(3_500_000, 4)],
    ]);
    await create(service, { session: 's', name: 'small.txt' }, 'an earlier version');
    await create(service, { session: 't', name: 'elsewhere' }, 'not in it');
    for (const [name, bytes] of contents) await upload(service, { session: 's', name }, bytes);
    const zip = await archiveOf(service, 's');
    const files = unzipSync(zip);
    expect(Object.keys(files).sort()).toEqual([...contents.keys()].sort());
    const directory = directoryOf(zip);
    // 2026-01-02 03:04:05 in DOS form, whose seconds are even.
    const dos = ((46 << 25) | (1 << 21) | (2 << 16) | (3 << 11) | (4 << 5) | 2) >>> 0;
    for (const [name, bytes] of contents) {
      expect([name, sha256(files[name]!)]).toEqual([name, sha256(bytes)]);
      expect([name, directory.get(name)]).toEqual([name, { crc: crc32(bytes), time: dos }]);
    }
  });

  it('is an empty zip file for a session without artifacts', async () => {
    const service = await opened();
    await service.sessions.openSession({ session: 's' });
    expect(unzipSync(await archiveOf(service, 's'))).toEqual({});
  });

  it('leaves out what has expired or was deleted', async () => {
    const service = await opened();
    await create(
      service,
      { session: 's', name: 'brief', expiry: { case: 'ttl', value: { seconds: 1n } } },
      'x',
    );
    const { artifact } = await create(service, { session: 's', name: 'deleted' }, 'y');
    await create(service, { session: 's', name: 'kept' }, 'z');
    await service.artifacts.deleteArtifact({ artifact: { by: { case: 'id', value: artifact!.id } } });
    service.clock.now += 1_000;
    expect(Object.keys(unzipSync(await archiveOf(service, 's')))).toEqual(['kept']);
  });

  it('is refused for a session that does not exist', async () => {
    const service = await opened();
    expect(await refusal(archiveOf(service, 's'))).toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    expect(await refusal(archiveOf(service, 'a/b'))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: ['session'],
    });
  });

  it('is broken off for a caller that gives up, and closes what it has open', async () => {
    const service = await opened();
    for (const seed of [1, 2])
      await upload(service, { session: 's', name: `${seed}` }, someBytes(8_000_000, seed));
    const cancel = new AbortController();
    const pieces = service.sessions.downloadArchive({ session: 's' }, { signal: cancel.signal });
    const iterator = pieces[Symbol.asyncIterator]();
    await iterator.next();
    cancel.abort();
    await expect(iterator.next()).rejects.toThrow();
    expect(Object.keys(unzipSync(await archiveOf(service, 's')))).toEqual(['1', '2']);
  });
}
