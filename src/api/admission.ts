/**
 * Limits the number of uploads, and the bytes that they have received and not yet written, so that many slow uploads or
 * a slow disk do not fill the memory. An upload that must wait too long fails with advice to retry.
 */
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { Shares } from '../domain/load/shares.ts';
import type { Payer } from '../domain/principal.ts';
import { ByteRoom } from './byte-room.ts';
import type { After } from './timer.ts';

interface AdmissionOptions {
  readonly after: After;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  /** The default of each is in {@link limits}. */
  readonly uploadsMax?: number;
  readonly unwrittenBytesMax?: number;
  readonly namespaceUnwrittenBytesMax?: number;
}

/** The caller that uploads. */
interface Uploader {
  readonly namespace: string;
  readonly payer: Payer;
  /**
   * The number of bytes received, before decompression, which is less than the number written if they are compressed.
   * Default: the number of bytes written.
   */
  readonly receivedBytes?: () => number | undefined;
}

/** Lets uploads in, and their chunks, within {@link limits}. */
export class Admission {
  readonly options: Required<AdmissionOptions>;
  private readonly uploads = new Shares<AdmittedUpload>();
  private readonly room: ByteRoom;

  constructor(options: AdmissionOptions) {
    this.options = {
      uploadsMax: limits.uploadsMax,
      unwrittenBytesMax: limits.unwrittenBytesMax,
      namespaceUnwrittenBytesMax: limits.namespaceUnwrittenBytesMax,
      ...options,
    };
    this.room = new ByteRoom({
      after: options.after,
      bytesMax: this.options.unwrittenBytesMax,
      groupBytesMax: this.options.namespaceUnwrittenBytesMax,
      why: 'the upload was refused, because the service is still writing other uploads; try again in a moment',
    });
  }

  /** The number of uploads under way. */
  get uploadCount(): number {
    return this.uploads.size;
  }

  /** The number of bytes received and not yet written. */
  get unwrittenBytes(): number {
    return this.room.bytes;
  }

  /**
   * Lets an upload begin. The caller must end it.
   *
   * @param cut ends the upload if others need its place and the upload is slow, or its payer has more than a share.
   * @throws Failure OVERLOADED if too many uploads are under way.
   */
  begin(by: Uploader, cut: (failure: Failure) => void): AdmittedUpload {
    if (this.uploads.size >= this.options.uploadsMax) this.makePlace(by.payer);
    if (this.uploads.size >= this.options.uploadsMax)
      throw overloaded('too many uploads are open; try again in a moment');
    const upload = new AdmittedUpload(this, by, cut);
    this.uploads.add(upload);
    return upload;
  }

  /** For {@link AdmittedUpload}. */
  end(upload: AdmittedUpload): void {
    this.uploads.delete(upload);
  }

  /** For {@link AdmittedUpload}: resolves when this number of bytes may be written. */
  async take(upload: AdmittedUpload, bytes: number): Promise<void> {
    await this.room.take(upload, bytes, { onWait: () => this.cutSlowest() });
  }

  /** For {@link AdmittedUpload}. */
  give(upload: AdmittedUpload, bytes: number): void {
    this.room.give(upload, bytes);
  }

  /** Ends the slowest upload of a payer with more than a share, the latest of equal ones; else one that is slow. */
  private makePlace(asking: Payer): void {
    const [slowest] = [...this.uploads.overShare(asking)].toReversed().sort((a, b) => a.rate - b.rate);
    if (slowest === undefined) this.cutSlowest();
    else
      slowest.cut(
        'this upload was ended: these credentials have too many uploads open, and other callers are waiting; finish ' +
          'some uploads before you start others',
      );
  }

  private cutSlowest(): void {
    const slow = [...this.uploads].filter((upload) => upload.isSlow).sort((a, b) => a.rate - b.rate);
    slow[0]?.cut(
      'this upload was ended, because it is slow and other callers are waiting to upload; try again later',
    );
  }
}

/** One upload that was admitted. */
export class AdmittedUpload implements Disposable {
  readonly group: string;
  readonly payer: Payer;
  private readonly admission: Admission;
  private readonly onCut: (failure: Failure) => void;
  private readonly beganMs: number;
  private readonly receivedBytes: () => number | undefined;
  private written = 0;

  constructor(
    admission: Admission,
    { namespace, payer, receivedBytes = () => undefined }: Uploader,
    onCut: (failure: Failure) => void,
  ) {
    this.receivedBytes = receivedBytes;
    this.admission = admission;
    this.group = namespace;
    this.payer = payer;
    this.onCut = onCut;
    this.beganMs = admission.options.elapsed();
  }

  /** The rate in bytes a second since the upload began. */
  get rate(): number {
    const bytes = this.receivedBytes() ?? this.written;
    return (bytes / Math.max(1, this.admission.options.elapsed() - this.beganMs)) * 1000;
  }

  get isSlow(): boolean {
    const isYoung = this.admission.options.elapsed() - this.beganMs < limits.uploadRateSecondsGrace * 1000;
    return !isYoung && this.rate < limits.uploadRateBytesMin;
  }

  /** Runs `write` when room exists for what it writes. @throws Failure OVERLOADED, and what `write` throws. */
  async writing<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    this.written += bytes;
    await this.admission.take(this, bytes);
    try {
      return await write();
    } finally {
      this.admission.give(this, bytes);
    }
  }

  /** For {@link Admission}. */
  cut(why: string): void {
    this.admission.end(this);
    this.onCut(overloaded(why));
  }

  [Symbol.dispose](): void {
    this.admission.end(this);
  }
}

function overloaded(why: string): Failure {
  return new Failure('OVERLOADED', why, { retryAfterMs: 1_000 });
}
