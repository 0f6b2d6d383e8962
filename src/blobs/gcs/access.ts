/**
 * Access to the bucket by the library: the credentials of the process (application default credentials, which include
 * Workload Identity), and the address of the service. With the variable STORAGE_EMULATOR_HOST, the library leads to an
 * emulator, without credentials.
 */
import type { Storage } from '@google-cloud/storage';

/** The way to the service. */
export interface Access {
  /** The address, e.g. `https://storage.googleapis.com`. */
  readonly endpoint: string;
  /** Returns the headers that prove who calls. @throws AccessRefused, or Error if they cannot be got now. */
  headers(): Promise<Record<string, string>>;
  /**
   * Called when the service does not know the credentials in these headers. They are read again, unless that was done
   * since: of many requests that are refused together, one renews them.
   */
  renew(refused: Readonly<Record<string, string>>): void;
  /**
   * Signs a URL (V4): with the key in the credentials, or by the IAM service if they have none. @throws Error if neither
   * is possible.
   */
  sign(ask: ToSign): Promise<string>;
}

/** A GET of one generation of an object, and the time from which and until which it is allowed. */
export interface ToSign {
  readonly bucket: string;
  readonly object: string;
  readonly generation: string;
  /** The headers of the answer. */
  readonly contentType: string;
  readonly contentDisposition: string;
  /** Milliseconds since the Unix epoch, as is the end. */
  readonly beginMs: number;
  readonly endMs: number;
}

/** The credentials are missing or are not accepted. */
export class AccessRefused extends Error {}

interface AccessOptions {
  /** Default: that of the library. Another one is used without credentials. */
  readonly endpoint?: string | undefined;
  /** The address of the IAM service that signs, up to the name of the account. Default: that of the library. */
  readonly signingEndpoint?: string | undefined;
  /** Whether requests to another address have credentials too. Default false. */
  readonly sendsCredentials?: boolean;
}

/** Opens the access. The library is loaded now: it takes half a second, and only a store in a bucket needs it. */
export async function openAccess({
  endpoint,
  signingEndpoint,
  sendsCredentials = false,
}: AccessOptions = {}): Promise<Access> {
  const library = await import('@google-cloud/storage');
  const open = () =>
    new library.Storage(
      endpoint === undefined ? {} : { apiEndpoint: endpoint, useAuthWithCustomEndpoint: sendsCredentials },
    );
  let storage = open();
  /** The newest credentials that were handed out; undefined since they were refused. */
  let newest: string | undefined;
  return {
    endpoint: storage.apiEndpoint.replace(/\/+$/, ''),
    headers: async () => {
      const headers = await headersOf(storage);
      newest = headers.authorization;
      return headers;
    },
    renew: ({ authorization }) => {
      if (authorization !== newest) return;
      newest = undefined;
      storage = open();
    },
    sign: async ({ bucket, object, generation, contentType, contentDisposition, beginMs, endMs }) => {
      const [url] = await storage
        .bucket(bucket)
        .file(object)
        .getSignedUrl({
          version: 'v4',
          action: 'read',
          accessibleAt: new Date(beginMs),
          expires: new Date(endMs),
          responseType: contentType,
          responseDisposition: contentDisposition,
          // As text: the library would make a number of it.
          queryParams: { generation },
          ...(signingEndpoint === undefined ? {} : { signingEndpoint }),
        });
      return url;
    },
  };
}

async function headersOf(storage: Storage): Promise<Record<string, string>> {
  const { customEndpoint, useAuthWithCustomEndpoint, authClient } = storage;
  if (customEndpoint === true && useAuthWithCustomEndpoint !== true) return {};
  try {
    const headers: unknown = await authClient.getRequestHeaders();
    return headers instanceof Headers ? Object.fromEntries(headers) : (headers as Record<string, string>);
  } catch (error) {
    throw isRefusal(error) ? new AccessRefused(textOf(error), { cause: error }) : error;
  }
}

/** Tells credentials that are missing or refused from a service for tokens that does not answer now. */
function isRefusal(error: unknown): boolean {
  const status = (error as { response?: { status?: unknown } } | undefined)?.response?.status;
  if (typeof status === 'number') return [400, 401, 403, 404].includes(status);
  return /Could not load the default credentials|ENOENT|not a valid|invalid/i.test(textOf(error));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
