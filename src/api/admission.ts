/**
 * How many uploads there may be, and how much they may have received that is not yet written: so that many slow ones,
 * or a slow disk, do not fill the memory. Whoever must wait too long is told to come back.
 */
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { type Holder, nameOfHolder } from '../domain/principal.ts';
import { Shares } from '../domain/shares.ts';
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

/** Who uploads. */
interface Uploader {
  readonly namespace: string;
  readonly holder: Holder;
}

interface Waiting {
  readonly upload: AdmittedUpload;
  readonly bytes: number;
  readonly go: () => void;
}

/** Lets uploads in, and their chunks, within {@link limits}. */
export class Admission {
  readonly options: Required<AdmissionOptions>;
  private readonly uploads = new Shares<AdmittedUpload>();
  private readonly ofNamespace = new Map<string, number>();
  private readonly ofHolder = new Map<string, number>();
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
   * @param cut ends the upload if others need its place, and it is slow or its holder has more than a share.
   * @throws Failure OVERLOADED if there are too many.
   */
  begin(by: Uploader, cut: (failure: Failure) => void): AdmittedUpload {
    if (this.uploads.size >= this.options.uploadsMax) this.makePlace(by.holder);
    if (this.uploads.size >= this.options.uploadsMax) throw overloaded('there are too many uploads at once');
    const upload = new AdmittedUpload(this, by, cut);
    this.uploads.add(upload);
    return upload;
  }

  /** For {@link AdmittedUpload}. */
  end(upload: AdmittedUpload): void {
    this.uploads.delete(upload);
  }

  /** For {@link AdmittedUpload}: resolves when so much may be written. */
  async take(upload: AdmittedUpload, bytes: number): Promise<void> {
    if (this.waiting.length === 0 && this.fits(upload.namespace, bytes)) return this.charge(upload, bytes);
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
  give(upload: AdmittedUpload, bytes: number): void {
    this.charge(upload, -bytes);
    this.goOn();
  }

  /** One namespace's waiting does not hold up the others; whoever has least under way comes first. */
  private goOn(): void {
    const order = this.waiting
      .map((waiting) => ({ waiting, ...this.underWay(waiting.upload) }))
      .sort((a, b) => a.inGroup - b.inGroup || a.own - b.own);
    for (const { waiting } of order) {
      const { upload, bytes, go } = waiting;
      if (!this.fits(upload.namespace, bytes)) continue;
      this.forget(waiting);
      this.charge(upload, bytes);
      go();
    }
  }

  private underWay({ namespace, holder }: AdmittedUpload): { inGroup: number; own: number } {
    return {
      inGroup: this.ofNamespace.get(namespace) ?? 0,
      own: this.ofHolder.get(nameOfHolder(holder)) ?? 0,
    };
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

  private charge({ namespace, holder }: AdmittedUpload, bytes: number): void {
    this.bytes += bytes;
    addTo(this.ofNamespace, namespace, bytes);
    addTo(this.ofHolder, nameOfHolder(holder), bytes);
  }

  /** Whoever has more than a share loses the slowest upload, the latest of equal ones; else one that is slow ends. */
  private makePlace(asking: Holder): void {
    const [slowest] = [...this.uploads.overShare(asking)].toReversed().sort((a, b) => a.rate - b.rate);
    if (slowest === undefined) this.cutSlowest();
    else slowest.cut('others have a share of the places, and there are many uploads with these credentials');
  }

  private cutSlowest(): void {
    const slow = [...this.uploads].filter((upload) => upload.isSlow).sort((a, b) => a.rate - b.rate);
    slow[0]?.cut('others need the place of this upload, and it is slow');
  }
}

/** One upload that was let in. */
export class AdmittedUpload implements Disposable {
  readonly namespace: string;
  readonly holder: Holder;
  private readonly admission: Admission;
  private readonly onCut: (failure: Failure) => void;
  private readonly beganMs: number;
  private received = 0;

  constructor(admission: Admission, { namespace, holder }: Uploader, onCut: (failure: Failure) => void) {
    this.admission = admission;
    this.namespace = namespace;
    this.holder = holder;
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

function addTo(counts: Map<string, number>, key: string, bytes: number): void {
  const sum = (counts.get(key) ?? 0) + bytes;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

function overloaded(why: string): Failure {
  return new Failure('OVERLOADED', why, { retryAfterMs: 1_000 });
}
