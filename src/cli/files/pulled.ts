import type { Artifact } from '../../client/artifacts/artifact.ts';
import { CannotWrite } from '../../client/files/cannot-write.ts';
import type { Saved } from '../../client/files/save.ts';
import { humanSize } from '../output/human.ts';
import type { Output } from '../output/output.ts';

/** The result for one artifact of a pull. */
export interface PulledFile {
  readonly artifact: Artifact;
  /** Undefined if its name cannot be a path. */
  readonly path: string | undefined;
  readonly status: Saved | 'failed';
}

/** Returns the error for a file that a pull without --force does not replace. */
export function otherBytes(shown: string): CannotWrite {
  return new CannotWrite(`${shown} exists already with other bytes; --force replaces it`);
}

/** Shows files one by one to scripts, and their sum to people. */
export class PulledFiles {
  private readonly output: Output;
  private files = 0;
  private bytes = 0;
  private unchanged = 0;

  constructor(output: Output) {
    this.output = output;
  }

  /** The number of files that exist now. */
  get count(): number {
    return this.files;
  }

  async add({ artifact, path, status }: PulledFile): Promise<void> {
    if (status !== 'failed') {
      this.files++;
      this.bytes += artifact.sizeBytes;
    }
    if (status === 'unchanged') this.unchanged++;
    const { json, quiet } = this.output.style;
    if (json)
      await this.output.json({
        name: artifact.name,
        path: path ?? null,
        version: artifact.version,
        sha256: artifact.sha256,
        size_bytes: artifact.sizeBytes,
        status,
      });
    else if (quiet && status !== 'failed') await this.output.line(artifact.id);
  }

  /** Prints the sum: `12 files, 3.4 MiB`. */
  async end(): Promise<void> {
    const { json, quiet } = this.output.style;
    if (json || quiet) return;
    const files = `${this.files} ${this.files === 1 ? 'file' : 'files'}, ${humanSize(this.bytes)}`;
    const unchanged = this.unchanged === 0 ? '' : `, ${this.unchanged} unchanged`;
    await this.output.line(files + unchanged);
  }
}
