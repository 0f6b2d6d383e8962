/** The settings as data: `config.ts` reads them, `help.ts` and the README show them. */

import { replicaSettings } from './replica-settings.ts';
import type { Setting } from './setting.ts';

/** All settings, by their names in this code. */
export const settings = {
  dataDir: {
    flag: 'data-dir',
    value: 'DIR',
    env: 'ARTIFACTA_DATA_DIR',
    default: '$XDG_DATA_HOME/artifacta, else ~/.local/share/artifacta',
    reap: true,
    description: 'directory of the store, with all its data',
  },
  url: {
    flag: 'url',
    value: 'URL',
    env: 'ARTIFACTA_URL',
    default: 'none (the server on the data directory’s socket, else the data directory itself)',
    serve: false,
    description: 'the server that the command line talks to, e.g. grpc://127.0.0.1:50051',
  },
  token: {
    env: 'ARTIFACTA_TOKEN',
    default: 'none',
    description: 'token that proves the identity of the command line',
    serve: false,
  },
  tokenFile: {
    flag: 'token-file',
    value: 'FILE',
    env: 'ARTIFACTA_TOKEN_FILE',
    default: 'none',
    description: 'file with that token, read at each connection; refused if other users can write to it',
    serve: false,
  },
  namespace: {
    flag: 'namespace',
    value: 'NAME',
    env: 'ARTIFACTA_NAMESPACE',
    default: 'the namespace of the credentials, else default',
    description:
      'namespace that the command line acts in; with credentials, only operators may name one other than their own',
    serve: false,
  },
  grpcListen: {
    flag: 'grpc-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_GRPC_LISTEN',
    default: '127.0.0.1:50051',
    description: 'address for gRPC; port 0 takes a free port; give "none" to switch this listener off',
  },
  httpListen: {
    flag: 'http-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_HTTP_LISTEN',
    default: '127.0.0.1:8080',
    description:
      'address for HTTP: Connect, gRPC-Web, JSON, PUT and GET; give "none" to switch this listener off',
  },
  httpHosts: {
    flag: 'http-hosts',
    value: 'NAME,…',
    env: 'ARTIFACTA_HTTP_HOSTS',
    default: 'none',
    reap: true,
    description:
      'host names, in addition to loopback and the host of the listener, that HTTP requests may have in their Host ' +
      'header. Requests for /metrics are always checked, those to --http-listen only without --auth',
    reapDescription:
      'host names, in addition to loopback and the host of --listen, that requests for /metrics may have in their Host ' +
      'header',
  },
  publicUrl: {
    flag: 'public-url',
    value: 'URL',
    env: 'ARTIFACTA_PUBLIC_URL',
    default: 'none (share links have no public URL)',
    description:
      'base URL at which others reach the HTTP listener, e.g. https://artifacts.example.org; share links and ' +
      'tickets begin with this URL',
  },
  previewOrigin: {
    flag: 'preview-origin',
    value: 'ORIGIN',
    env: 'ARTIFACTA_PREVIEW_ORIGIN',
    default: 'none (previews are served where everything is)',
    description:
      'origin that leads to the HTTP listener under another host name than --public-url, e.g. ' +
      'https://previews.example.net; the console shows previews from there, and nothing else is served under that name',
  },
  noConsole: {
    flag: 'no-console',
    env: 'ARTIFACTA_NO_CONSOLE',
    default: 'false',
    description: 'does not serve the web console, which is otherwise at / of the HTTP listener',
  },
  mcpEnableShare: {
    flag: 'mcp-enable-share',
    env: 'ARTIFACTA_MCP_ENABLE_SHARE',
    default: 'false',
    description: 'offers the tools share and revoke_share at /mcp, which ask a person for consent each time',
  },
  mcpEnableDelete: {
    flag: 'mcp-enable-delete',
    env: 'ARTIFACTA_MCP_ENABLE_DELETE',
    default: 'false',
    description: 'offers the tool delete at /mcp, which asks a person for consent each time',
  },
  corsOrigins: {
    flag: 'cors-origin',
    value: 'ORIGIN,…',
    env: 'ARTIFACTA_CORS_ORIGINS',
    default: 'none',
    description: 'origins of web pages that may call the service, e.g. https://app.example.org',
  },
  adminListen: {
    flag: 'admin-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_ADMIN_LISTEN',
    default: '127.0.0.1:9090',
    description:
      'address for /healthz, /readyz and /metrics, which answer all callers; give "none" to switch this listener off',
  },
  socket: {
    flag: 'socket',
    value: 'PATH',
    env: 'ARTIFACTA_SOCKET',
    default: 'run/sock in the data directory',
    reap: true,
    description: 'Unix socket of the service, for gRPC; open to this user only',
  },
  lockWaitSeconds: {
    flag: 'lock-wait-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_LOCK_WAIT_SECONDS',
    default: '30',
    description: 'how long to wait for another process that has the data directory open',
  },
  tlsCert: {
    flag: 'tls-cert',
    value: 'FILE',
    env: 'ARTIFACTA_TLS_CERT',
    default: 'none (no encryption)',
    description: 'certificate chain in PEM, for gRPC and HTTP over TLS; read again when it changes',
  },
  tlsKey: {
    flag: 'tls-key',
    value: 'FILE',
    env: 'ARTIFACTA_TLS_KEY',
    default: 'none',
    description: 'private key of the certificate, in PEM',
  },
  tlsClientCa: {
    flag: 'tls-client-ca',
    value: 'FILE',
    env: 'ARTIFACTA_TLS_CLIENT_CA',
    default: 'none (clients show no certificate)',
    description: 'authorities for client certificates, in PEM',
  },
  tlsClientAuth: {
    flag: 'tls-client-auth',
    value: 'MODE',
    env: 'ARTIFACTA_TLS_CLIENT_AUTH',
    default: 'required',
    description:
      'with --tls-client-ca; "required": every client needs a certificate; "optional": a client may connect without ' +
      'one, and with --auth it must then send a token',
  },
  clientTlsCa: {
    env: 'ARTIFACTA_TLS_CA',
    default: 'the system’s',
    serve: false,
    description: 'authorities that the command line trusts for grpcs:// and https://, in PEM',
  },
  clientTlsCert: {
    env: 'ARTIFACTA_TLS_CLIENT_CERT',
    default: 'none',
    serve: false,
    description: 'certificate that the command line shows, in PEM',
  },
  clientTlsKey: {
    env: 'ARTIFACTA_TLS_CLIENT_KEY',
    default: 'none',
    serve: false,
    description: 'private key of the certificate, in PEM',
  },
  auth: {
    flag: 'auth',
    env: 'ARTIFACTA_AUTH',
    default: 'false',
    description: 'callers on the network must authenticate; see `artifacta keys`',
  },
  authConfig: {
    flag: 'auth-config',
    value: 'FILE',
    env: 'ARTIFACTA_AUTH_CONFIG',
    default: 'none (only API keys and the tokens minted with them are accepted)',
    description:
      'JSON file with the issuers of JWTs and the client certificates to accept, and where a proxy puts the JWT of a person; implies --auth',
  },
  insecure: {
    flag: 'insecure',
    env: 'ARTIFACTA_INSECURE',
    default: 'false',
    description: 'lets the service listen without authentication on addresses that other machines reach',
  },
  artifactBytesMax: {
    flag: 'artifact-bytes-max',
    value: 'BYTES',
    env: 'ARTIFACTA_ARTIFACT_BYTES_MAX',
    default: '5368709120',
    description: 'size of the largest artifact that is accepted',
  },
  inlineBytesMax: {
    flag: 'inline-bytes-max',
    value: 'BYTES',
    env: 'ARTIFACTA_INLINE_BYTES_MAX',
    default: '32768',
    description:
      'contents up to this size are kept in the index, without a file of their own; 0: none; has no ' +
      'effect on max_inline_bytes, the size of the content that one CreateArtifact request may carry (1 MiB)',
  },
  reserveBytes: {
    flag: 'reserve-bytes',
    value: 'BYTES',
    env: 'ARTIFACTA_RESERVE_BYTES',
    default: 'the larger of 1 GiB and 5 % of the disk, but at most 10 %',
    description: 'disk space to keep free: uploads that would leave less are refused; 0: no reserve',
  },
  rowCacheBytes: {
    flag: 'row-cache-bytes',
    value: 'BYTES',
    env: 'ARTIFACTA_ROW_CACHE_BYTES',
    default: '16777216',
    description: 'memory for rows of the index that are read often, roughly; 0: none',
  },
  blobs: {
    flag: 'blobs',
    value: 'gs://BUCKET/PREFIX',
    env: 'ARTIFACTA_BLOBS',
    default: 'none (contents are files in the data directory)',
    description:
      'place in a bucket of Google Cloud Storage for the contents, with the credentials of the environment; the index ' +
      'stays in the data directory; --inline-bytes-max is 0 then, unless it is given',
  },
  index: {
    flag: 'index',
    value: 'postgres://…',
    env: 'ARTIFACTA_INDEX',
    default: 'none (the index is in the data directory)',
    description: 'database of PostgreSQL for the index (docs/postgresql.md); contents stay where they are',
  },
  ...replicaSettings,
  redirectDownloads: {
    flag: 'redirect-downloads',
    value: 'WHOM',
    env: 'ARTIFACTA_REDIRECT_DOWNLOADS',
    default: 'off',
    description:
      'sends readers to the bucket (docs/bucket.md): off; clients that ask for it; links: also readers of share links',
  },
  redirectBytesMin: {
    flag: 'redirect-bytes-min',
    value: 'BYTES',
    env: 'ARTIFACTA_REDIRECT_BYTES_MIN',
    default: '8388608',
    description: 'size of the smallest content that --redirect-downloads applies to',
  },
  directUploadBytesMin: {
    flag: 'direct-upload-bytes-min',
    value: 'BYTES',
    env: 'ARTIFACTA_DIRECT_UPLOAD_BYTES_MIN',
    default: 'none (all bytes pass through the service)',
    description:
      'size of the smallest content that clients may send straight to the bucket (docs/bucket.md); the service reads it ' +
      'back',
  },
  exportDir: {
    flag: 'export-dir',
    value: 'DIR',
    env: 'ARTIFACTA_EXPORT_DIR',
    default: 'none (the service writes no exports, unless --blobs is given)',
    description:
      'directory for exports of the index (exports/TIME.index) and the changes between them (segments/); should be on ' +
      'another disk',
  },
  sealDurability: {
    flag: 'seal-durability',
    value: 'DURABILITY',
    env: 'ARTIFACTA_SEAL_DURABILITY',
    default: 'local',
    description:
      'what SealSession waits for, unless the call says it: local: the seal is on the volume; shipped: it is also in the ' +
      'bucket of --blobs or in --export-dir, and outlasts the loss of the volume',
  },
  graceSeconds: {
    flag: 'grace-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_GRACE_SECONDS',
    default: '0 on loopback, else 5',
    description:
      'how long new calls are accepted after SIGTERM, so that load balancers can stop sending them',
  },
  drainSeconds: {
    flag: 'drain-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_DRAIN_SECONDS',
    default: '25',
    description: 'how long open calls may take after the grace time, before they are cancelled',
  },
  otlpEndpoint: {
    flag: 'otlp-endpoint',
    value: 'URL',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: 'none (calls are not traced)',
    description: 'OpenTelemetry collector for spans, by OTLP over HTTP; v1/traces is added to the URL',
  },
  otlpTracesEndpoint: {
    flag: 'otlp-traces-endpoint',
    value: 'URL',
    env: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    default: 'v1/traces below --otlp-endpoint',
    description: 'complete URL of the collector, to which nothing is added; wins over --otlp-endpoint',
  },
  withReaper: {
    flag: 'with-reaper',
    env: 'ARTIFACTA_WITH_REAPER',
    default: 'false; `npm start` sets it',
    description: 'also runs `artifacta reap`, as a process of its own',
  },
  whileStdin: {
    flag: 'while-stdin',
    env: 'ARTIFACTA_WHILE_STDIN',
    default: 'false',
    description:
      'listens only on the socket; exits when standard input is closed and no call is open; if another service has ' +
      'the socket, waits until that service ends, and then serves',
  },
  reapIntervalSeconds: {
    flag: 'interval-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_REAP_INTERVAL_SECONDS',
    default: '60',
    serve: false,
    reap: true,
    description: 'how long the reaper waits between two passes, unless something is due earlier',
  },
  scrubBytesPerSecond: {
    flag: 'scrub-bytes-per-second',
    value: 'BYTES',
    env: 'ARTIFACTA_SCRUB_BYTES_PER_SECOND',
    default: '4194304',
    serve: false,
    reap: true,
    description:
      'how fast the reaper checks stored contents, in rounds that begin at least 7 days apart; 0: not at all',
  },
  reapListen: {
    flag: 'listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_REAP_LISTEN',
    default: 'none',
    serve: false,
    reap: true,
    description: 'address for the /healthz and /metrics of the reaper, which answer all callers',
  },
  logLevel: {
    flag: 'log-level',
    value: 'LEVEL',
    env: 'ARTIFACTA_LOG_LEVEL',
    default: 'info',
    reap: true,
    description: 'trace, debug, info, warn, error, fatal or silent',
  },
  logFormat: {
    flag: 'log-format',
    value: 'FORMAT',
    env: 'ARTIFACTA_LOG_FORMAT',
    default: 'auto',
    reap: true,
    description: 'form of log lines: json, text, or auto for text on a terminal and json elsewhere',
  },
} as const satisfies Record<string, Setting>;

/** The name of a setting in this code. */
export type SettingName = keyof typeof settings;
