import type { Readable, Writable } from 'node:stream';
import type { ClientOptions } from '../client/client.ts';
import type { Way } from '../client/wire/link.ts';

/** The service that the user named, flag by flag; `connect` decides what is not given. */
export interface ConnectOptions {
  readonly url?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly namespace?: string | undefined;
}

/** The data directory in force. No command takes its input from it or writes its output to it. */
export interface OwnDirectory {
  /** Absolute. */
  readonly path: string;
  /** Whether a path leads into it, in any spelling or through links; also a path where nothing exists yet. */
  contains(path: string): boolean;
}

/** A way to a service, or to a store that this process opened itself. */
export interface Connection extends Way {
  /** Where it leads, for messages, e.g. `grpc://127.0.0.1:50051`. */
  readonly description: string;
  /**
   * True: it leads to a store that this process has opened. No other process can reach the store when this one has
   * left. Default false.
   */
  readonly isEmbedded?: boolean;
  /** Default: unknown. */
  readonly ownDirectory?: OwnDirectory;
}

/** One setting, with the value in force. */
export interface ShownSetting {
  /** The name of its flag, without dashes. */
  readonly name: string;
  /** Undefined: none. A secret shows only that it exists. */
  readonly value: string | undefined;
  /** The origin of the value: a flag, an environment variable, a file, or `default`. */
  readonly from: string;
}

/** The settings of the command line, and the file that keeps some of them. */
export interface ClientSettings {
  readonly path: string;
  show(options: ConnectOptions): readonly ShownSetting[];
  /** @param name one of {@link Io.keptSettings}. @throws UsageError for a value that cannot be used. */
  set(name: string, value: string): Promise<void>;
  unset(name: string): Promise<void>;
  /** The namespace to act in, if none is given with the command. Undefined: the namespace of the credentials. */
  readonly namespace: string | undefined;
}

/** Everything outside itself that the command line uses. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** The abilities of the terminal, where streams are one. Default: all. */
  readonly terminal?:
    | {
        readonly color: boolean;
        /** Whether its last line can be rewritten. */
        readonly rewrites: boolean;
      }
    | undefined;
  /**
   * Opens the way to the service. Called once per command that needs a service, and again after a connection was lost.
   *
   * @param warn gets what a user should know and no other output says.
   */
  connect(options: ConnectOptions, warn: (message: string) => void): Promise<Connection>;
  /** Default: no settings exist, and none can be kept. */
  settings?(): Promise<ClientSettings>;
  /** The names of the settings that can be kept, as their flags, without dashes. Default: none. */
  readonly keptSettings?: readonly string[];
  /** How often calls are retried, and how long one may take. Default: that of the client. */
  readonly calls?: Pick<ClientOptions, 'retry' | 'timeoutMs'> | undefined;
  /** Ends the work under way; `run` then returns 130. */
  readonly signal?: AbortSignal | undefined;
  /**
   * From now on signals that stop a process go to the listener, and stop nothing else; until the returned function is
   * called. Default: none come.
   */
  takeSignals?(listener: (signal: NodeJS.Signals) => void): () => void;
  /** The environment of programs that a command starts. Default: empty. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Whether this process was started to outlive its terminal, as by nohup. Default false. */
  readonly ignoresHangup?: boolean | undefined;
  /** The session that this process is a part of: what `run` gives to its command. Default: none. */
  readonly outerSession?: string | undefined;
  /** The directory in which a host of agents keeps transcripts that may be stored. Default: none. */
  readonly transcripts?: string | undefined;
  /** Returns the time for the names of generated sessions. Default: the clock. */
  now?(): Date;
  /** Returns a number from 0 to 1 for the names of generated sessions. Default `Math.random`. */
  random?(): number;
  /** The text that `--version` prints. Default: `unknown`. */
  readonly version?: string | undefined;
}
