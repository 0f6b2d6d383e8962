/** URLs that let everyone who has one read one object for a short time, without credentials. */
import type { After } from '../../domain/timer.ts';
import type { ReadUrl } from '../blob-store.ts';
import type { Access, ToSign } from './access.ts';

/** The time for which a URL is good, by the clock of the bucket, in milliseconds. */
const goodMs = 60_000;
/**
 * A URL is good from a little before it is made: the bucket refuses one whose time has not begun by its own clock. So
 * the clock of this machine may be ahead by this, or behind by the rest.
 */
const aheadMs = 10_000;
/** The longest wait for a signature, which may take a request to the IAM service. */
const signMs = 3_000;
/** After a failure nothing is signed for this time, since each try would delay a reader. */
const pauseMs = 60_000;

/** Longer URLs, of artifacts with very long names, are refused by some clients and proxies. */
const urlLengthMax = 8_192;

interface SigningOptions {
  readonly access: Pick<Access, 'sign'>;
  /** The address of the place, for messages. */
  readonly place: string;
  readonly warn: (message: string) => void;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly after: After;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
}

/** Signs, and knows for a while that it cannot. */
export class Signing {
  private readonly options: SigningOptions;
  private pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** The failure that was reported last; undefined if a signature has succeeded since. */
  private reported: string | undefined;

  constructor(options: SigningOptions) {
    this.options = options;
  }

  /** @returns undefined if nothing can be signed now. @throws the reason of the signal. */
  async url(ask: Omit<ToSign, 'beginMs' | 'endMs'>, signal?: AbortSignal): Promise<ReadUrl | undefined> {
    const { access, now, elapsed } = this.options;
    if (elapsed() < this.pausedUntilMs) return undefined;
    // URLs have whole seconds.
    const beginMs = Math.floor((now() - aheadMs) / 1_000) * 1_000;
    const endMs = beginMs + goodMs;
    try {
      const url = await this.inTime(access.sign({ ...ask, beginMs, endMs }), signal);
      this.reported = undefined;
      return url.length > urlLengthMax ? undefined : { url, expireTimeMs: endMs };
    } catch (error) {
      signal?.throwIfAborted();
      this.pausedUntilMs = elapsed() + pauseMs;
      this.report(error);
      return undefined;
    }
  }

  private async inTime(signed: Promise<string>, signal: AbortSignal | undefined): Promise<string> {
    signed.catch(() => undefined); // it may come when nothing waits for it any more
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const cancel = this.options.after(signMs, () => reject(new Error('no signature came in time')));
    try {
      signal?.throwIfAborted();
      return await Promise.race([signed, promise]);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Warns once of each cause. */
  private report(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const cause = text.trim().split('\n')[0]!.slice(0, 300);
    if (cause === this.reported) return;
    this.reported = cause;
    this.options.warn(
      `downloads are not redirected to ${this.options.place}, since no URL can be signed: ${cause}. The service sends ` +
        'the bytes itself. The account needs iam.serviceAccounts.signBlob for itself ' +
        '(roles/iam.serviceAccountTokenCreator), or a key in its credentials',
    );
  }
}
