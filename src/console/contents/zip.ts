/** The list of what a ZIP archive contains, from its end. Nothing is inflated. */

/** One entry. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly packedBytes: number;
}

/** The place of the list in the archive. */
interface ZipDirectory {
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

/** Bytes at the end of an archive that are enough for the record there, with its longest comment. */
export const zipTailBytes = 65_557;

/** The most entries that are listed. */
export const entriesMax = 10_000;

/** Finds the list. Undefined: the bytes are not the end of a ZIP archive. @param tail the last bytes of the archive. */
export function findDirectory(tail: Uint8Array): ZipDirectory | undefined {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tail.length - 22; at >= 0; at--)
    if (view.getUint32(at, true) === 0x06054b50)
      return {
        count: view.getUint16(at + 10, true),
        bytes: view.getUint32(at + 12, true),
        offset: view.getUint32(at + 16, true),
      };
  return undefined;
}

/** Reads the entries that the bytes contain. */
export function entriesIn(directory: Uint8Array): ZipEntry[] {
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
  const decoder = new TextDecoder();
  const found: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length && found.length < entriesMax; ) {
    if (view.getUint32(at, true) !== 0x02014b50) break;
    const nameLength = view.getUint16(at + 28, true);
    found.push({
      name: decoder.decode(directory.subarray(at + 46, at + 46 + nameLength)),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
    });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}
