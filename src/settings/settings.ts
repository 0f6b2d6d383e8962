/** The settings as data: `config.ts` reads them, help texts and the README show them. */

/** One setting. A flag wins over its environment variable. */
export interface Setting {
  /** The name without dashes. Absent: environment only. */
  readonly flag?: string;
  /** The value of the flag, in help texts. Absent: the flag has none, it is a switch. */
  readonly value?: string;
  readonly env: string;
  /** The default as documentation shows it. */
  readonly default: string;
  readonly description: string;
  /** False: not for `artifacta serve`. */
  readonly serve?: false;
  /** True: for `artifacta reap`. */
  readonly reap?: true;
}

/** All settings, by their names in this code. */
export const settings = {
  dataDir: {
    flag: 'data-dir',
    value: 'DIR',
    env: 'ARTIFACTA_DATA_DIR',
    default: '$XDG_DATA_HOME/artifacta, else ~/.local/share/artifacta',
    reap: true,
    description: 'where everything is kept',
  },
  url: {
    flag: 'url',
    value: 'URL',
    env: 'ARTIFACTA_URL',
    default: 'none: the server on the data directory’s socket, else the data directory itself',
    serve: false,
    description: 'the server that the command line talks to, e.g. grpc://127.0.0.1:50051',
  },
  token: {
    env: 'ARTIFACTA_TOKEN',
    default: 'none',
    description: 'what the command line proves its identity with',
    serve: false,
  },
  tokenFile: {
    flag: 'token-file',
    value: 'FILE',
    env: 'ARTIFACTA_TOKEN_FILE',
    default: 'none',
    description: 'the same, in a file that nobody else can write to; read whenever it connects',
    serve: false,
  },
  namespace: {
    flag: 'namespace',
    value: 'NAME',
    env: 'ARTIFACTA_NAMESPACE',
    default: 'that of the credentials, else default',
    description:
      'the namespace that the command line acts in; only operators may name another than their own',
    serve: false,
  },
  grpcListen: {
    flag: 'grpc-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_GRPC_LISTEN',
    default: '127.0.0.1:50051',
    description: 'where gRPC is served; port 0 takes a free one; none for nowhere on the network',
  },
  httpListen: {
    flag: 'http-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_HTTP_LISTEN',
    default: '127.0.0.1:8080',
    description: 'where HTTP is served: Connect, gRPC-Web, JSON, PUT and GET; none for nowhere',
  },
  httpHosts: {
    flag: 'http-hosts',
    value: 'NAME,…',
    env: 'ARTIFACTA_HTTP_HOSTS',
    default: 'none',
    reap: true,
    description:
      'host names by which HTTP and `/metrics` are asked for, besides those of loopback and where it listens',
  },
  publicUrl: {
    flag: 'public-url',
    value: 'URL',
    env: 'ARTIFACTA_PUBLIC_URL',
    default: 'none: share links are told as paths',
    description:
      'where others reach the HTTP door, e.g. https://artifacts.example.org; share links begin with it',
  },
  corsOrigins: {
    flag: 'cors-origin',
    value: 'ORIGIN,…',
    env: 'ARTIFACTA_CORS_ORIGINS',
    default: 'none',
    description: 'web sites whose pages may call, e.g. https://app.example.org',
  },
  adminListen: {
    flag: 'admin-listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_ADMIN_LISTEN',
    default: '127.0.0.1:9090',
    description: 'where /healthz, /readyz and /metrics are served, to whoever asks; `none` for nowhere',
  },
  socket: {
    flag: 'socket',
    value: 'PATH',
    env: 'ARTIFACTA_SOCKET',
    default: 'run/sock in the data directory',
    reap: true,
    description: 'Unix socket on which the same is served, to this user only',
  },
  lockWaitSeconds: {
    flag: 'lock-wait-seconds',
    value: 'N',
    env: 'ARTIFACTA_LOCK_WAIT_SECONDS',
    default: '30',
    description: 'how long to wait for another process that has the data directory open',
  },
  tlsCert: {
    flag: 'tls-cert',
    value: 'FILE',
    env: 'ARTIFACTA_TLS_CERT',
    default: 'none: in clear',
    description:
      'certificate chain in PEM; gRPC and HTTP are then served over TLS; read again when it changes',
  },
  tlsKey: {
    flag: 'tls-key',
    value: 'FILE',
    env: 'ARTIFACTA_TLS_KEY',
    default: 'none',
    description: 'its private key in PEM',
  },
  tlsClientCa: {
    flag: 'tls-client-ca',
    value: 'FILE',
    env: 'ARTIFACTA_TLS_CLIENT_CA',
    default: 'none: clients show no certificate',
    description: 'authorities whose client certificates count, in PEM',
  },
  tlsClientAuth: {
    flag: 'tls-client-auth',
    value: 'MODE',
    env: 'ARTIFACTA_TLS_CLIENT_AUTH',
    default: 'required',
    description: 'with authorities for clients: required, or optional for those who bring a token instead',
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
    description: 'its private key in PEM',
  },
  auth: {
    flag: 'auth',
    env: 'ARTIFACTA_AUTH',
    default: 'false',
    description: 'callers on the network must show who they are; see `artifacta keys`',
  },
  authConfig: {
    flag: 'auth-config',
    value: 'FILE',
    env: 'ARTIFACTA_AUTH_CONFIG',
    default: 'none: API keys and the tokens minted with them',
    description:
      'JSON file with the issuers of JWTs and the client certificates that are taken; implies --auth',
  },
  insecure: {
    flag: 'insecure',
    env: 'ARTIFACTA_INSECURE',
    default: 'false',
    description: 'listen on addresses that other machines reach, without authentication',
  },
  artifactBytesMax: {
    flag: 'artifact-bytes-max',
    value: 'BYTES',
    env: 'ARTIFACTA_ARTIFACT_BYTES_MAX',
    default: '5368709120',
    description: 'size of the largest artifact that is taken',
  },
  inlineBytesMax: {
    flag: 'inline-bytes-max',
    value: 'BYTES',
    env: 'ARTIFACTA_INLINE_BYTES_MAX',
    default: '32768',
    description: 'contents up to this size are kept in the index and have no file of their own; 0 for none',
  },
  reserveBytes: {
    flag: 'reserve-bytes',
    value: 'BYTES',
    env: 'ARTIFACTA_RESERVE_BYTES',
    default: '1 GiB or 5 % of the disk, the larger; at most 10 %',
    description: 'uploads are refused when less than this would be free; 0 for none',
  },
  exportDir: {
    flag: 'export-dir',
    value: 'DIR',
    env: 'ARTIFACTA_EXPORT_DIR',
    default: 'none: the service writes no exports',
    description:
      'where MaintenanceService.Export writes the index to, as exports/TIME.index; on another disk',
  },
  graceSeconds: {
    flag: 'grace-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_GRACE_SECONDS',
    default: '0 on loopback, else 5',
    description: 'how long calls are still taken after SIGTERM, so that load balancers can turn away',
  },
  drainSeconds: {
    flag: 'drain-seconds',
    value: 'SECONDS',
    env: 'ARTIFACTA_DRAIN_SECONDS',
    default: '25',
    description: 'how long calls under way may then take before they are broken off',
  },
  otlpEndpoint: {
    flag: 'otlp-endpoint',
    value: 'URL',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: 'none: calls are not traced',
    description: 'OpenTelemetry collector that spans are sent to, by OTLP over HTTP, at v1/traces below it',
  },
  otlpTracesEndpoint: {
    flag: 'otlp-traces-endpoint',
    value: 'URL',
    env: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    default: 'v1/traces below the former',
    description: 'the same, but the whole URL',
  },
  withReaper: {
    flag: 'with-reaper',
    env: 'ARTIFACTA_WITH_REAPER',
    default: 'false; `npm start` gives it',
    description: 'runs `artifacta reap` beside the service, as a process of its own',
  },
  whileStdin: {
    flag: 'while-stdin',
    env: 'ARTIFACTA_WHILE_STDIN',
    default: 'false',
    description:
      'serves on the socket alone, and ends when its standard input has ended and no call is under way; where the socket is served already, uses that service for as long',
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
    description: 'how fast the reaper has stored contents checked, each at most once in 7 days; 0 for not',
  },
  reapListen: {
    flag: 'listen',
    value: 'HOST:PORT',
    env: 'ARTIFACTA_REAP_LISTEN',
    default: 'none',
    serve: false,
    reap: true,
    description: 'where the reaper serves /healthz and /metrics of its own, to whoever asks',
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
    description: 'form of log lines: json, text for people, or auto: text on a terminal, else json',
  },
} as const satisfies Record<string, Setting>;

/** The name of a setting in this code. */
export type SettingName = keyof typeof settings;

function optionLines(wanted: readonly Setting[]): string[] {
  return wanted.map(({ flag, value, env, default: usual, description }) => {
    const usage = `--${flag}${value === undefined ? '' : ` ${value}`}`;
    return `  ${usage.padEnd(30)} ${description}\n${' '.repeat(33)}${env}; default: ${usual}`;
  });
}

const units = 'SECONDS may have a unit, as 90s or 1.5m; BYTES, too, as 64KiB or 5GB.';

/** Returns the help for `artifacta serve`. */
export function serveHelp(): string {
  return [
    'Usage: artifacta serve [options]',
    '',
    'Serves the store in the data directory until SIGTERM or SIGINT. Logs to standard output: lines for people on a',
    'terminal, else one JSON object a line.',
    units,
    '',
    'Options:',
    ...optionLines(Object.values<Setting>(settings).filter(({ serve }) => serve !== false)),
    `  ${'--help'.padEnd(30)} show this`,
    '',
  ].join('\n');
}

/** Returns the help for `artifacta reap`. */
export function reapHelp(): string {
  return [
    'Usage: artifacta reap [options]',
    '',
    'Has the service on the socket free what has expired or was deleted, check what it stores and export its index,',
    'pass after pass until SIGTERM or SIGINT. What readers see does not depend on it. Logs to standard output:',
    'lines for people on a terminal, else one JSON object a line.',
    units,
    '',
    'Options:',
    `  ${'--once'.padEnd(30)} make one pass, and exit 1 if any of it failed`,
    ...optionLines(Object.values<Setting>(settings).filter(({ reap }) => reap === true)),
    `  ${'--help'.padEnd(30)} show this`,
    '',
  ].join('\n');
}
