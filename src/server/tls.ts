/** The certificate and key of the listeners on the network, from files that may be replaced while the service runs. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { type After, afterRealTime } from '../api/timer.ts';
import { inWords } from '../domain/system/words.ts';

/** The paths of the certificates, in PEM. */
export interface TlsFiles {
  /** The certificate, and after it the chain to its authority. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose client certificates count. Undefined: clients are not asked for a certificate. */
  readonly clientCa?: string | undefined;
  /** Whether clients may connect without a certificate; they then need a token. */
  readonly isClientOptional?: boolean | undefined;
}

/** The options for making a TLS server. */
interface ServerTls {
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
}

interface TlsOptions {
  /** Gets the reason why files that changed are not used. */
  readonly warn: (message: string) => void;
  /**
   * Runs something later; the returned function cancels it. Default: real time, which does not keep the process alive.
   */
  readonly after?: After;
  /** Reads a file. Default: reads any file. */
  readonly readFile?: (path: string) => Promise<Buffer>;
}

/** The time between checks of the files, in milliseconds. */
export const tlsPollMs = 10_000;

/**
 * All ciphers of TLS 1.3. Of TLS 1.2, those that authenticate what they encrypt and keep no key that opens it later: no
 * CBC.
 */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

type Context = Required<Pick<SecureContextOptions, 'cert' | 'key' | 'minVersion' | 'ciphers'>> & {
  readonly ca?: Buffer;
};

/**
 * Certificate and key, read again when a file has changed. Connections made after that use the new ones, and existing
 * connections go on. A pair that does not fit is not used.
 */
export class Tls implements Disposable {
  private readonly files: TlsFiles;
  private readonly options: TlsOptions;
  private readonly listeners = new Set<(context: SecureContextOptions) => void>();
  private context: Context;
  private refused: string | undefined;
  private cancel: () => void = () => {};
  private isClosed = false;

  private constructor(files: TlsFiles, options: TlsOptions, context: Context) {
    this.files = files;
    this.options = options;
    this.context = context;
    this.schedule();
  }

  /** Reads the files. @throws Error that names the file and its fault. */
  static async open(files: TlsFiles, options: TlsOptions): Promise<Tls> {
    return new Tls(files, options, checked(files, await read(files, options)));
  }

  get current(): SecureContextOptions {
    return this.context;
  }

  get server(): ServerTls {
    const { clientCa, isClientOptional = false } = this.files;
    return {
      requestCert: clientCa !== undefined,
      rejectUnauthorized: clientCa !== undefined && !isClientOptional,
    };
  }

  /** Calls the listener with each pair that comes into use. */
  subscribe(listener: (context: SecureContextOptions) => void): void {
    this.listeners.add(listener);
  }

  /** Looks at the files now. Returns true if their content has changed and is used. */
  async reload(): Promise<boolean> {
    try {
      const found = await read(this.files, this.options);
      if (this.isClosed || isSame(found, this.context)) return false;
      this.context = checked(this.files, found);
    } catch (error) {
      this.refuse(error);
      return false;
    }
    this.refused = undefined;
    for (const listener of this.listeners) listener(this.context);
    return true;
  }

  /** Reports each reason once: files are replaced one after the other. */
  private refuse(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (why !== this.refused)
      this.options.warn(`the new certificate cannot be used, so the old one stays in use: ${why}`);
    this.refused = why;
  }

  private schedule(): void {
    const { after = afterRealTime } = this.options;
    this.cancel = after(tlsPollMs, () => {
      void this.reload().then(() => {
        if (!this.isClosed) this.schedule();
      });
    });
  }

  /** Stops the checks of the files. */
  [Symbol.dispose](): void {
    this.isClosed = true;
    this.cancel();
  }
}

/** Credentials for grpc-js that follow the files. */
export class FollowingCredentials extends ServerCredentials {
  /** @param asks what clients are asked for. Default: what the settings say. */
  constructor(tls: Tls, asks: ServerTls = tls.server) {
    super(asks, tls.current);
    tls.subscribe((context) => this.updateSecureContextOptions(context));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

async function read({ cert, key, clientCa }: TlsFiles, options: TlsOptions): Promise<Context> {
  const readPem = (path: string) => readPemWith(options.readFile ?? readFile, path);
  const [certBytes, keyBytes, caBytes] = await Promise.all([
    readPem(cert),
    readPem(key),
    clientCa === undefined ? undefined : readPem(clientCa),
  ]);
  return {
    cert: certBytes,
    key: keyBytes,
    minVersion: 'TLSv1.2',
    ciphers,
    ...(caBytes === undefined ? {} : { ca: caBytes }),
  };
}

async function readPemWith(read: (path: string) => Promise<Buffer>, path: string): Promise<Buffer> {
  try {
    return await read(path);
  } catch (error) {
    throw new Error(`${path} cannot be read: ${inWords(error)}`);
  }
}

/** Returns the same options if TLS can use them. @throws Error */
function checked({ cert, key, clientCa }: TlsFiles, context: Context): Context {
  const attempt = (path: string, work: () => unknown) => {
    try {
      work();
    } catch (error) {
      throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  attempt(cert, () => new X509Certificate(context.cert as Buffer));
  attempt(key, () => createSecureContext({ key: context.key }));
  attempt(`${cert} and ${key}`, () => createSecureContext({ cert: context.cert, key: context.key }));
  if (clientCa !== undefined && context.ca !== undefined) {
    const { ca } = context;
    attempt(clientCa, () => new X509Certificate(ca));
  }
  return context;
}

function isSame(a: Context, b: Context): boolean {
  const parts = ({ cert, key, ca }: Context) => [cert, key, ca ?? ''].map(String).join('\0');
  return parts(a) === parts(b);
}
