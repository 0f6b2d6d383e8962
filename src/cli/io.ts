import type { Readable, Writable } from 'node:stream';
import type { Transport } from '@connectrpc/connect';
import type { ClientOptions } from '../client/client.ts';

/** Which service the user named, flag by flag; what is not given is for `connect` to decide. */
export interface ConnectOptions {
  readonly url?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly namespace?: string | undefined;
}

/** The data directory in force. Nothing in it is read as input or written as output. */
export interface OwnDirectory {
  /** Absolute. */
  readonly path: string;
  /** Whether a path leads into it, by whatever spelling or link; also one where nothing is yet. */
  holds(path: string): boolean;
}

/** A way to a service, or to a store that this process opened itself. */
export interface Connection {
  readonly transport: Transport;
  /** Where it leads, for messages, e.g. `grpc://127.0.0.1:50051`. */
  readonly description: string;
  /**
   * True: it leads to whichever process holds the store, and to another one when that has left. Default: to the service
   * that was named, which is the same one whenever it is tried again.
   */
  readonly passes?: boolean;
  /** True: to a store that this process has opened, which nobody else reaches when it has left. Default false. */
  readonly isEmbedded?: boolean;
  /** Default: none is known. */
  readonly ownDirectory?: OwnDirectory;
  close(): Promise<void>;
}

/** One setting, as it is in force. */
export interface ShownSetting {
  /** As its flag, without dashes. */
  readonly name: string;
  /** Undefined: none. Of secrets only that there is one. */
  readonly value: string | undefined;
  /** What gave it: a flag, an environment variable, a file, or `default`. */
  readonly from: string;
}

/** The settings of the command line, and the file that keeps some of them. */
export interface ClientSettings {
  readonly path: string;
  show(options: ConnectOptions): readonly ShownSetting[];
  /** @param name one of {@link Io.keptSettings}. @throws UsageError for a value that cannot be used. */
  set(name: string, value: string): Promise<void>;
  unset(name: string): Promise<void>;
  /** The namespace to act in, if none is given with the command. Undefined: that of the credentials. */
  readonly namespace: string | undefined;
}

/** Everything that the command line touches outside itself. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** What the terminal takes, where streams are one. Default: everything. */
  readonly terminal?:
    | {
        readonly color: boolean;
        /** Its last line can be written anew. */
        readonly rewrites: boolean;
      }
    | undefined;
  /**
   * Called once per command that needs a service, and again when a connection was lost.
   *
   * @param warn told what a user should know and nobody else is told.
   */
  connect(options: ConnectOptions, warn: (message: string) => void): Promise<Connection>;
  /** Default: there are none, and none can be kept. */
  settings?(): Promise<ClientSettings>;
  /** Names of the settings that can be kept, as their flags, without dashes. Default: none. */
  readonly keptSettings?: readonly string[];
  /** How often calls are tried again and how long one may take. Default: as the client does. */
  readonly calls?: Pick<ClientOptions, 'retry' | 'timeoutMs'> | undefined;
  /** Ends what is under way; `run` then answers 130. */
  readonly signal?: AbortSignal | undefined;
  /** Names generated sessions. Default: the clock. */
  now?(): Date;
  /** 0 to 1; names generated sessions. Default `Math.random`. */
  random?(): number;
  /** What `--version` prints. Default: `unknown`. */
  readonly version?: string | undefined;
}
