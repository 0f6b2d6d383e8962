/**
 * How many uploads there may be, and how much they may have received that is not yet written: so that many slow ones,
 * or a slow disk, do not fill the memory. Whoever must wait too long is told to come back.
 */
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import type { After } from './timer.ts';

interface AdmissionOptions {
  readonly after: After;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  /** Defaults: those of {@link limits}. */
  readonly uploadsMax?: number;
  readonly unwrittenBytesMax?: number;
  readonly namespaceUnwrittenBytesMax?: number;
}

interface Waiting {
  readonly upload: AdmittedUpload;
  readonly bytes: number;
  readonly go: () => void;
}

/** Lets uploads in, and their chunks, within {@link limits}. */
export class Admission {
  readonly options: Required<AdmissionOptions>;
  private readonly uploads = new Set<AdmittedUpload>();
  private readonly ofNamespace = new Map<string, number>();
  private readonly waiting: Waiting[] = [];
  private bytes = 0;

  constructor(options: AdmissionOptions) {
    this.options = {
      uploadsMax: limits.uploadsMax,
      unwrittenBytesMax: limits.unwrittenBytesMax,
      namespaceUnwrittenBytesMax: limits.namespaceUnwrittenBytesMax,
      ...options,
    };
  }

  /** Uploads under way. */
  get uploadCount(): number {
    return this.uploads.size;
  }

  /** Received and not yet written. */
  get unwrittenBytes(): number {
    return this.bytes;
  }

  /**
   * Lets an upload begin; it must be ended.
   *
   * @param cut ends the upload if others need its place and it is slow.
   * @throws Failure OVERLOADED if there are too many.
   */
  begin(namespace: string, cut: (failure: Failure) => void): AdmittedUpload {
    if (this.uploads.size >= this.options.uploadsMax) this.cutSlowest();
    if (this.uploads.size >= this.options.uploadsMax) throw overloaded('there are too many uploads at once');
    const upload = new AdmittedUpload(this, namespace, cut);
    this.uploads.add(upload);
    return upload;
  }

  /** For {@link AdmittedUpload}. */
  end(upload: AdmittedUpload): void {
    this.uploads.delete(upload);
  }

  /** For {@link AdmittedUpload}: resolves when so much may be written. */
  async take(upload: AdmittedUpload, bytes: number): Promise<void> {
    if (this.waiting.length === 0 && this.fits(upload.namespace, bytes))
      return this.charge(upload.namespace, bytes);
    this.cutSlowest();
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = { upload, bytes, go: turn.resolve };
    this.waiting.push(waiting);
    const cancel = this.options.after(limits.admissionSecondsMax * 1000, () => {
      this.forget(waiting);
      turn.reject(overloaded('others’ uploads are still being written'));
    });
    try {
      this.goOn();
      await turn.promise;
    } finally {
      cancel();
    }
  }

  /** For {@link AdmittedUpload}. */
  give(namespace: string, bytes: number): void {
    this.charge(namespace, -bytes);
    this.goOn();
  }

  /** One namespace's waiting does not hold up the others. */
  private goOn(): void {
    for (const waiting of [...this.waiting]) {
      const { upload, bytes, go } = waiting;
      if (!this.fits(upload.namespace, bytes)) continue;
      this.forget(waiting);
      this.charge(upload.namespace, bytes);
      go();
    }
  }

  private forget(waiting: Waiting): void {
    const at = this.waiting.indexOf(waiting);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** What is larger than all that is allowed may go alone. */
  private fits(namespace: string, bytes: number): boolean {
    const { unwrittenBytesMax, namespaceUnwrittenBytesMax } = this.options;
    const own = this.ofNamespace.get(namespace) ?? 0;
    const isAlone = this.bytes === 0;
    return (
      isAlone ||
      (this.bytes + bytes <= unwrittenBytesMax && (own === 0 || own + bytes <= namespaceUnwrittenBytesMax))
    );
  }

  private charge(namespace: string, bytes: number): void {
    this.bytes += bytes;
    const own = (this.ofNamespace.get(namespace) ?? 0) + bytes;
    if (own === 0) this.ofNamespace.delete(namespace);
    else this.ofNamespace.set(namespace, own);
  }

  private cutSlowest(): void {
    const slow = [...this.uploads].filter((upload) => upload.isSlow).sort((a, b) => a.rate - b.rate);
    slow[0]?.cut();
  }
}

/** One upload that was let in. */
export class AdmittedUpload implements Disposable {
  readonly namespace: string;
  private readonly admission: Admission;
  private readonly onCut: (failure: Failure) => void;
  private readonly beganMs: number;
  private received = 0;

  constructor(admission: Admission, namespace: string, onCut: (failure: Failure) => void) {
    this.admission = admission;
    this.namespace = namespace;
    this.onCut = onCut;
    this.beganMs = admission.options.elapsed();
  }

  /** Bytes a second since it began. */
  get rate(): number {
    return (this.received / Math.max(1, this.admission.options.elapsed() - this.beganMs)) * 1000;
  }

  get isSlow(): boolean {
    const isYoung = this.admission.options.elapsed() - this.beganMs < limits.uploadRateSecondsGrace * 1000;
    return !isYoung && this.rate < limits.uploadRateBytesMin;
  }

  /** Runs `write` when there is room for what it writes. @throws Failure OVERLOADED, and what `write` throws. */
  async writing<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    this.received += bytes;
    await this.admission.take(this, bytes);
    try {
      return await write();
    } finally {
      this.admission.give(this.namespace, bytes);
    }
  }

  /** For {@link Admission}. */
  cut(): void {
    this.admission.end(this);
    this.onCut(overloaded('others need the place of this upload, and it is slow'));
  }

  [Symbol.dispose](): void {
    this.admission.end(this);
  }
}

function overloaded(why: string): Failure {
  return new Failure('OVERLOADED', why, { retryAfterMs: 1_000 });
}
