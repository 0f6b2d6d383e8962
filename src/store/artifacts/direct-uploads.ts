/**
 * Pushes whose bytes a client sends straight to the place of the contents. The name for the bytes is in the queue of
 * condemned names from the beginning: if the upload is not finished in time, its file is removed. An upload is finished by
 * reading it back. Then it is committed as any other.
 */
import type { BlobStat, BlobStore, BlobVersion } from '../../blobs/blob-store.ts';
import { SentBlob } from '../../blobs/sent-blob.ts';
import type { ArtifactSpec } from '../../domain/artifact.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure, failedWith } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { physicalName } from '../contents/physical-name.ts';
import { awaitFile } from '../rows/blob-rows.ts';
import type { OnStep } from '../rows/steps.ts';
import { transact } from '../rows/transaction.ts';
import type { CommitResult } from './commit.ts';
import { sizeMismatch } from './upload.ts';
import type { Uploads } from './uploads.ts';

/** The description of a push that says what its bytes are. */
export interface StatedSpec extends ArtifactSpec {
  readonly sizeBytes: number;
  readonly sha256: Sha256;
}

/** A place that awaits the bytes of one push. */
interface AwaitedFile {
  /** The physical name. */
  readonly name: string;
  /** See {@link Content}. */
  readonly awaitedUntil: number;
}

/** A push that has begun, and the URL to which the client sends its bytes. The URL must not be logged. */
interface Begun extends AwaitedFile {
  readonly url: string;
}

interface DirectUploadsOptions {
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
  readonly onStep: OnStep | undefined;
}

/** The bytes after which the reading says how far it is. */
const reportBytes = 8 * 1024 * 1024;

/** Pushes into the caller’s namespace whose bytes do not pass through this process before they are stored. */
export class DirectUploads {
  private readonly options: DirectUploadsOptions;

  constructor(options: DirectUploadsOptions) {
    this.options = options;
  }

  /**
   * Begins a push. Refuses at once what can be refused without the bytes.
   *
   * @returns the answer, if no bytes are needed.
   * @throws Failure NOT_IMPLEMENTED if the place of the contents takes no bytes from clients.
   */
  async begin(principal: Principal, spec: StatedSpec, signal?: AbortSignal): Promise<Begun | CommitResult> {
    const { blobs, index, uploads, onStep } = this.options;
    if (blobs.uploadUrl === undefined) throw noDirectUploads();
    const admitted = await uploads.admit(principal, spec);
    if ('artifact' in admitted) return admitted;
    const stored = await this.stored(principal, spec);
    if (stored !== undefined) return stored;
    const name = physicalName(admitted.internalId);
    const awaitedUntil = await transact(index, {
      ns: principal.namespace,
      by: principal,
      reads: [],
      *decide(tx) {
        return awaitFile(tx, name);
      },
    });
    await onStep?.('direct.awaited');
    const url = await blobs.uploadUrl(name, spec.sizeBytes, signal);
    await onStep?.('direct.begun');
    return { name, awaitedUntil, url };
  }

  /** Commits without bytes, if the caller can read an artifact that has them. */
  private async stored(principal: Principal, spec: StatedSpec): Promise<CommitResult | undefined> {
    try {
      return await this.options.uploads.createByDigest(principal, spec, spec);
    } catch (error) {
      if (failedWith(error, 'CONTENT_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /**
   * Reads the bytes back, and commits them. May be called again, also after it has succeeded. Yields the number of bytes
   * that were read: at the beginning, and after each 8 MiB. Bytes that are not those of the description are deleted.
   *
   * @throws Failure UPLOAD_INCOMPLETE, SIZE_MISMATCH, DIGEST_MISMATCH, and what a push throws.
   */
  async *finish(
    principal: Principal,
    spec: StatedSpec,
    awaited: AwaitedFile,
    signal?: AbortSignal,
  ): AsyncGenerator<number, CommitResult, void> {
    const { blobs, uploads, onStep } = this.options;
    const admitted = await uploads.admit(principal, spec);
    if ('artifact' in admitted) return admitted;
    const { name, awaitedUntil } = awaited;
    const stat = await this.stat(name);
    const { sizeBytes, generation } = stat;
    await onStep?.('direct.found');
    try {
      if (sizeBytes !== spec.sizeBytes) throw sizeMismatch('size_bytes', spec.sizeBytes, String(sizeBytes));
      const blob = new SentBlob(name, stat);
      await using upload = uploads.over(principal, spec, { blob, awaitedUntil });
      let read = 0;
      yield read;
      for await (const piece of this.pieces(name, sizeBytes, generation, signal)) {
        const before = read;
        read += piece.length;
        await upload.write(piece);
        if (Math.floor(read / reportBytes) > Math.floor(before / reportBytes)) yield read;
      }
      blob.requireSame();
      signal?.throwIfAborted();
      return await upload.finish({ sizeBytes, sha256: spec.sha256 });
    } catch (error) {
      // If the deletion fails, the queue of condemned names has the file.
      if (failedWith(error, 'SIZE_MISMATCH', 'DIGEST_MISMATCH')) {
        await blobs.delete(name, generation).catch(() => undefined);
        await onStep?.('direct.refused');
      }
      throw error;
    }
  }

  private async stat(name: string): Promise<BlobStat & BlobVersion> {
    const found = await this.options.blobs.stat(name);
    if (found === undefined) {
      const description =
        'the place of the contents does not have all bytes of this upload: send them to its URL first, or begin again';
      throw new Failure('UPLOAD_INCOMPLETE', `upload_token: ${description}`, {
        violations: [{ field: 'upload_token', description }],
      });
    }
    const { generation, crc32c } = found;
    if (generation === undefined || crc32c === undefined) throw noDirectUploads();
    return { ...found, generation, crc32c };
  }

  private async *pieces(
    name: string,
    sizeBytes: number,
    generation: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.options.blobs.read(name, 0, sizeBytes, signal, generation);
    } catch (error) {
      // No artifact has lost anything.
      if (!failedWith(error, 'DATA_LOSS')) throw error;
      throw new Failure(
        'STORE_UNAVAILABLE',
        'the bytes of this upload were replaced or removed while they were read back: try again',
        { cause: error },
      );
    }
  }
}

/** Returns the failure of a service that takes no direct uploads. */
export function noDirectUploads(): Failure {
  return new Failure(
    'NOT_IMPLEMENTED',
    'this service takes no direct uploads: push the bytes with UploadArtifact, or ask its operator for ' +
      '--direct-upload-bytes-min',
  );
}
