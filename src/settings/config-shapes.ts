/** What the settings are read into. */
import type { Address } from '../domain/address.ts';

/** What all need that have a store, or look for one. */
export interface CommonConfig extends Place {
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** Holds the token. Absolute. */
  readonly tokenFile: string | undefined;
  /** Undefined: that of the credentials. */
  readonly namespace: string | undefined;
  readonly artifactBytesMax: number;
  readonly inlineBytesMax: number;
  /** Undefined: by the size of the file system. */
  readonly reserveBytes: number | undefined;
  /** Where exports of the index are written to. Absolute. Undefined: nowhere. */
  readonly exportDir: string | undefined;
  /** How long to wait for whoever has the data directory open. */
  readonly lockWaitMs: number;
  /** Where others reach the HTTP door, without a slash at its end. */
  readonly publicUrl: string | undefined;
  /** Paths of what the client shows and trusts over TLS. */
  readonly clientTls: ClientTls;
  readonly logLevel: string;
}

/** Where a store is on this machine. */
export interface Place {
  /** Absolute. */
  readonly dataDir: string;
  readonly socket: string;
}

/** Neither directory nor socket is known where a URL is named and nobody has told this user's directory. */
export type Way =
  | { readonly url: string; readonly dataDir: string | undefined; readonly socket: string | undefined }
  | (Place & { readonly url: undefined });

/** What the command line needs to find a store. */
export type ClientConfig = Omit<CommonConfig, keyof Place | 'url'> & Way;

/** What it needs of one in this process, or in another one on this machine. */
export type LocalConfig = Extract<ClientConfig, Place>;

/** Paths of files in PEM. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Paths of files in PEM: what the doors on the network show, and whose clients they trust. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
  /** Undefined: clients are asked for no certificate. */
  readonly clientCa?: string | undefined;
  /** Default false. */
  readonly isClientOptional?: boolean | undefined;
}

/** The settings of `artifacta serve`. */
export interface ServeConfig extends CommonConfig {
  /** Undefined: no gRPC on the network. */
  readonly grpc: Address | undefined;
  /** Undefined: in clear. */
  readonly tls: TlsPaths | undefined;
  /** Whether callers on the network must show who they are. */
  readonly auth: boolean;
  /** Path of the file that names identities from outside. Undefined: there are none. */
  readonly authConfig: string | undefined;
  /** Undefined: no HTTP. */
  readonly http: Address | undefined;
  /** Names by which HTTP may be called, besides loopback's and where it listens. */
  readonly httpHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  /** Undefined: no admin door. */
  readonly admin: Address | undefined;
  /** Where spans are sent. Undefined: calls are not traced. */
  readonly otlpTracesUrl: string | undefined;
  readonly graceMs: number;
  readonly drainMs: number;
  /** Serve on the socket alone, and only while standard input is open or a call is under way. */
  readonly whileStdin: boolean;
  /** Run the sidecar, too. */
  readonly withReaper: boolean;
  /** What the operator should know about the settings. */
  readonly warnings: readonly string[];
}

/** What the sidecar needs. */
export interface ReapConfig extends Place, Pick<CommonConfig, 'logLevel'> {
  /** Make one pass. */
  readonly once: boolean;
  readonly intervalMs: number;
  readonly scrubBytesPerSecond: number;
  /** Undefined: it serves nothing. */
  readonly listen: Address | undefined;
  readonly httpHosts: readonly string[];
}
