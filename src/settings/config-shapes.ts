/** The types of the settings after reading. */
import type { Address } from '../domain/address.ts';
import type { BucketAddress } from '../domain/system/bucket-address.ts';
import type { IndexAddress } from '../domain/system/index-address.ts';

/** The settings for every program that has a store, or looks for one. */
export interface CommonConfig extends Place {
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** The file with the token. Absolute. */
  readonly tokenFile: string | undefined;
  /** Undefined: the namespace of the credentials. */
  readonly namespace: string | undefined;
  readonly artifactBytesMax: number;
  /** The place of the contents. Undefined: the data directory. */
  readonly blobs: BucketAddress | undefined;
  /** The place of the index. Undefined: the data directory. */
  readonly index: IndexAddress | undefined;
  readonly inlineBytesMax: number;
  /** Undefined: the size of the file system decides. */
  readonly reserveBytes: number | undefined;
  readonly rowCacheBytes: number;
  /** The directory for exports of the index. Absolute. Undefined: none. */
  readonly exportDir: string | undefined;
  /** Whether seals wait until they are shipped, unless the call says it. */
  readonly shipsSeals: boolean;
  /** How long to wait for another process that has the data directory open. */
  readonly lockWaitMs: number;
  /** The URL where others reach the HTTP listener, without a slash at its end. */
  readonly publicUrl: string | undefined;
  /** The paths of the certificates that the client sends and trusts over TLS. */
  readonly clientTls: ClientTls;
  readonly logLevel: string;
}

/** The form of log lines. `auto`: text on a terminal, else JSON. */
export type LogFormat = 'auto' | 'json' | 'text';

/** Where programs are found. */
export interface ProgramPlaces {
  /** The directories where a shell looks for programs. */
  readonly searched: readonly string[];
  /** The launcher that started this program. Undefined: the launcher in its own directory. */
  readonly launcher: string | undefined;
}

/** The place of a store on this machine. */
export interface Place {
  /** Absolute. */
  readonly dataDir: string;
  readonly socket: string;
}

/** The way to a store. Neither directory nor socket is known if a URL is named and the user's directory is unknown. */
export type Way =
  | { readonly url: string; readonly dataDir: string | undefined; readonly socket: string | undefined }
  | (Place & { readonly url: undefined });

/** The settings with which the command line finds a store. */
export type ClientConfig = Omit<CommonConfig, keyof Place | 'url'> & Way;

/** The settings for a store in this process, or in another one on this machine. */
export type LocalConfig = Extract<ClientConfig, Place>;

/** The paths of files in PEM. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The paths of files in PEM: the certificate of the listeners on the network, and the authorities of clients that they
 * trust.
 */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
  /** Undefined: clients are not asked for a certificate. */
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
  /** Whether callers on the network must have credentials. */
  readonly auth: boolean;
  /** The path of the file that names identities from outside. Undefined: none exist. */
  readonly authConfig: string | undefined;
  /** Undefined: no HTTP. */
  readonly http: Address | undefined;
  /** Names under which HTTP may be called, in addition to loopback's and the host where it listens. */
  readonly httpHosts: readonly string[];
  /**
   * How the service shares its store with other processes: where it listens for them, its address as they know it, and
   * the file with their secret, and the time after which they take over what it owned. Undefined: it has the store for
   * itself.
   */
  readonly replicas:
    | {
        readonly listen: Address;
        readonly address: string;
        readonly secretFile: string;
        readonly leaseSeconds: number;
      }
    | undefined;
  /** The readers that are sent to the bucket. Undefined: none. */
  readonly redirects: { readonly hasLinks: boolean; readonly bytesMin: number } | undefined;
  /** The uploads that may go straight to the bucket. Undefined: none. */
  readonly directUploads: { readonly bytesMin: number } | undefined;
  /** Whether HTTP serves the web console. */
  readonly hasConsole: boolean;
  /** The tools at /mcp that ask a person for consent; `share` includes `revoke_share`. */
  readonly mcpConsented: readonly ('share' | 'delete')[];
  readonly corsOrigins: readonly string[];
  /** The origin where previews are served. Undefined: where everything is. */
  readonly previewOrigin: string | undefined;
  /** Undefined: no admin listener. */
  readonly admin: Address | undefined;
  /** The URL for spans. Undefined: calls are not traced. */
  readonly otlpTracesUrl: string | undefined;
  readonly graceMs: number;
  readonly drainMs: number;
  /** Whether to serve on the socket alone, and only while standard input is open or a call is under way. */
  readonly whileStdin: boolean;
  /** Whether to run the sidecar too. */
  readonly withReaper: boolean;
  readonly logFormat: LogFormat;
  /** Warnings about the settings, for the operator. */
  readonly warnings: readonly string[];
}

/** The settings of the sidecar. */
export interface ReapConfig extends Place, Pick<CommonConfig, 'logLevel'> {
  /** Whether to make one pass and end. */
  readonly once: boolean;
  readonly intervalMs: number;
  readonly scrubBytesPerSecond: number;
  readonly logFormat: LogFormat;
  /** Undefined: it serves nothing. */
  readonly listen: Address | undefined;
  readonly httpHosts: readonly string[];
}
