/** An archive as the list of what is in it. */
import { counted, size } from '../base/format.ts';
import { readBytes } from '../calls/read.ts';
import { entriesIn, entriesMax, findDirectory, type ZipEntry, zipTailBytes } from '../contents/zip.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { Cell, HeadCell, WindowList } from '../parts/window-list.tsx';
import { HexPreview } from './hex.tsx';

/** The most bytes of the list that are read. */
const directoryBytesMax = 1024 * 1024;

async function listed(
  id: string,
  bytes: number,
  signal: AbortSignal,
): Promise<readonly ZipEntry[] | undefined> {
  const tailBytes = Math.min(bytes, zipTailBytes);
  const directory = findDirectory(await readBytes(id, bytes - tailBytes, Math.max(1, tailBytes), signal));
  if (directory === undefined || directory.offset >= bytes) return undefined;
  return entriesIn(
    await readBytes(id, directory.offset, Math.min(Math.max(1, directory.bytes), directoryBytesMax), signal),
  );
}

/** The preview. */
export function ArchivePreview({ id, bytes }: { id: string; bytes: number }) {
  const { value, failure, isLoading, again } = useCall(`zip ${id}`, async (signal) => ({
    entries: await listed(id, bytes, signal),
  }));
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (isLoading || value === undefined) return <Loading what="the list" />;
  const { entries } = value;
  if (entries === undefined)
    return (
      <>
        <p class="quiet note">The end of the file is not that of a ZIP archive; its bytes are shown.</p>
        <HexPreview id={id} bytes={bytes} />
      </>
    );
  const unpacked = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return (
    <div class="preview">
      <p class="quiet note">
        {counted(entries.length, 'entry').replace(/entrys$/, 'entries')}
        {entries.length === entriesMax ? ', and more that are not listed' : ''}; {size(unpacked)} unpacked, if
        the archive says the truth
      </p>
      <WindowList
        label="Entries"
        length={entries.length}
        rowHeight={26}
        columns="entries-columns"
        keyOf={String}
        head={
          <>
            <HeadCell>name</HeadCell>
            <HeadCell kind="number">size</HeadCell>
            <HeadCell kind="number">packed</HeadCell>
          </>
        }
        row={(index) => {
          const entry = entries[index]!;
          return (
            <>
              <Cell kind="name">
                <bdi title={entry.name}>{entry.name}</bdi>
              </Cell>
              <Cell kind="number">{size(entry.bytes)}</Cell>
              <Cell kind="number">{size(entry.packedBytes)}</Cell>
            </>
          );
        }}
      />
    </div>
  );
}
