import { sha256 } from '@noble/hashes/sha2.js';
import type { Platform, Sha256 } from '../wire/platform.ts';
import { type PutTarget, put } from './put.ts';

/** What the platform of a page needs to know. */
export interface WebSettings extends Omit<PutTarget, 'requestStreams' | 'newHash'> {
  /** Default: see {@link sendsStreams}. */
  readonly requestStreams?: boolean | undefined;
}

/** Returns the platform of pages and of runtimes at the edge: uploads are PUTs. */
export function webPlatform(settings: WebSettings): Platform {
  const requestStreams = settings.requestStreams ?? sendsStreams();
  return {
    sha256: newHash,
    fetch: settings.fetch,
    digest,
    send: (upload) => put(upload, { ...settings, requestStreams, newHash }),
  };
}

function newHash(): Sha256 {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => hexOf(hash.digest()) };
}

/** The runtime's own digest is faster, and does not keep the page waiting. Pages of insecure origins lack it. */
async function digest(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto as { readonly subtle?: typeof globalThis.crypto.subtle };
  if (subtle === undefined) return hexOf(sha256(bytes));
  return hexOf(new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)));
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Whether this runtime sends streams over every version of HTTP. A runtime that does not know request streams asks for
 * no `duplex`, and takes the stream for a text. Browsers know them, and send them over HTTP/2 alone.
 */
function sendsStreams(): boolean {
  if ('window' in globalThis || 'WorkerGlobalScope' in globalThis) return false;
  let asksForDuplex = false;
  const init = {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      asksForDuplex = true;
      return 'half' as const;
    },
  };
  const isText = new Request('http://localhost', init).headers.has('content-type');
  return asksForDuplex && !isText;
}
