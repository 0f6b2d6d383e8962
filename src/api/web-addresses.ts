/** The URLs of the HTTP listener, for answers that name a path of it. */
import { Failure } from '../domain/errors.ts';

/** The URLs of the HTTP listener, without a slash at the end. */
export interface WebAddresses {
  /** The URL that others use. Undefined: the service does not know it. */
  readonly publicUrl?: string | undefined;
  /** The origin where previews are served. Undefined: where everything else is. */
  readonly previewOrigin?: string | undefined;
  /** The URL where it listens. Undefined: no HTTP listener exists, or it does not listen yet. */
  readonly localUrl: () => string | undefined;
}

/** Returns the URL of a path at an address; empty without an address. */
export function below(address: string | undefined, path: string): string {
  return address === undefined ? '' : `${address}${path}`;
}

/** @throws Failure PUBLIC_URL_REQUIRED unless the public URL is known. @param thing a link, for example. */
export function requireUrl(publicUrl: string | undefined, thing: string): void {
  if (publicUrl !== undefined) return;
  throw new Failure(
    'PUBLIC_URL_REQUIRED',
    `cannot make a ${thing}, because nothing serves it: run "artifacta serve" with --public-url`,
  );
}
