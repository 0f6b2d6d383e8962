/** Exports of the index as objects of a bucket, below `exports/` in the place of the contents. */
import { Failure } from '../../domain/errors.ts';
import type { StagedBlob } from '../blob-store.ts';
import type { ExportFile, ExportFiles } from '../export-files.ts';
import type { BucketClient } from './client.ts';
import { type Objects, refusedAs } from './objects.ts';

const pageMax = 1_000;

interface BucketExportsOptions {
  readonly client: BucketClient;
  readonly objects: Objects;
  /** The directory of the files below the place. */
  readonly prefix: string;
  readonly isName: (name: string) => boolean;
  /** Begins an object with a name below the place. */
  readonly stage: (objectName: string) => StagedBlob;
}

/** The exports of one place. */
export class BucketExports implements ExportFiles {
  private readonly options: BucketExportsOptions;

  constructor(options: BucketExportsOptions) {
    this.options = options;
  }

  async list(): Promise<readonly ExportFile[]> {
    const { client, objects, prefix, isName } = this.options;
    const files: ExportFile[] = [];
    let token: string | undefined;
    try {
      do {
        const page = { token, most: pageMax };
        const { items, next } = await client.run('list', (signal) =>
          objects.list(`${prefix}/`, page, signal),
        );
        for (const { name, sizeBytes } of items)
          files.push({ name: name.slice(prefix.length + 1), sizeBytes });
        token = next;
      } while (token !== undefined);
    } catch (error) {
      throw client.unexpected(error, 'listing exports');
    }
    return files.filter(({ name }) => isName(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async read(name: string, offset: number, length: number): Promise<Uint8Array> {
    const { client, objects } = this.options;
    if (length === 0) return new Uint8Array(0);
    const wanted = { offset, length, generation: undefined };
    try {
      return await client.run('read', async (signal) => {
        const { body } = await objects.read(this.objectName(name), wanted, signal);
        return Buffer.concat(await Array.fromAsync(body.chunks())).subarray(0, length);
      });
    } catch (error) {
      if (refusedAs(error, 'beyond')) return new Uint8Array(0);
      if (refusedAs(error, 'absent'))
        throw new Failure('STORE_UNAVAILABLE', `${name} is not in the bucket any more`, { cause: error });
      throw client.unexpected(error, 'reading an export');
    }
  }

  /** An upload that is not completed is not an object: nothing of a failed writing is left. */
  async write(
    name: string,
    _owner: string,
    bytes: AsyncIterable<Uint8Array>,
    onWritten?: () => void | Promise<void>,
  ): Promise<number> {
    await using staged = this.options.stage(this.objectName(name));
    for await (const piece of bytes) await staged.write(piece);
    await onWritten?.();
    try {
      await staged.commit();
    } catch (error) {
      if (!(error instanceof Failure && error.reason === 'INTERNAL')) throw error;
      throw new Failure('STORE_UNAVAILABLE', 'an export has that name already', { cause: error });
    }
    return staged.bytesWritten;
  }

  async remove(name: string): Promise<void> {
    const { client, objects } = this.options;
    try {
      await client.run('delete', (signal) => objects.delete(this.objectName(name), undefined, signal));
    } catch (error) {
      if (!refusedAs(error, 'absent')) throw client.unexpected(error, 'removing an export');
    }
  }

  async removeStale(): Promise<number> {
    return 0;
  }

  private objectName(name: string): string {
    return `${this.options.prefix}/${name}`;
  }
}
