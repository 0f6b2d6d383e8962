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
}

/** The credentials are missing or are not accepted. */
export class AccessRefused extends Error {}

interface AccessOptions {
  /** Default: that of the library. Another one is used without credentials. */
  readonly endpoint?: string | undefined;
  /** Whether requests to another address have credentials too. Default false. */
  readonly sendsCredentials?: boolean;
}

/** Opens the access. The library is loaded now: it takes half a second, and only a store in a bucket needs it. */
export async function openAccess({
  endpoint,
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
