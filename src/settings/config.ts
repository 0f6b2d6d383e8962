/**
 * Reads the settings: flags, then the environment, then (for the command line) the file that keeps some, then defaults.
 * The one file that reads the environment.
 */
import { delimiter, resolve } from 'node:path';
import { type Address, isLoopback } from '../domain/address.ts';
import { compileCacheDirIn, makeCompileCacheDir } from './compile-cache.ts';
import type {
  ClientConfig,
  ClientTls,
  CommonConfig,
  LogFormat,
  Place,
  ProgramPlaces,
  ReapConfig,
  ServeConfig,
  Way,
} from './config-shapes.ts';
import { dataHomeOf, defaultDataDir, defaultSocket, keptPathIn, xdg } from './directories.ts';
import { flagsOf } from './flags.ts';
import { type KeptName, readKept } from './kept-file.ts';
import {
  directUploadsOf,
  logFormatOf,
  previewOriginOf,
  redirectsOf,
  replicasOf,
  tlsOf,
  tracesBelow,
  warningsOf,
} from './serve-values.ts';
import { type SettingName, settings } from './settings.ts';
import { type Environment, fromHome, homeOf, type Kept, SettingError, Source } from './source.ts';

/** Reads the settings of `artifacta reap`. @throws SettingError */
export function readReapConfig(args: readonly string[], env: Environment = process.env): ReapConfig {
  const once = args.includes('--once');
  const rest = args.filter((arg) => arg !== '--once');
  const source = new Source(flagsOf(rest, 'reap'), env);
  return {
    ...common(source),
    once,
    intervalMs: source.milliseconds('reapIntervalSeconds', 24 * 3_600) ?? 60_000,
    scrubBytesPerSecond: source.bytes('scrubBytesPerSecond', 2 ** 40) ?? 4 * 1024 ** 2,
    logFormat: logFormatOf(source),
    listen: source.text('reapListen') === 'none' ? undefined : source.address('reapListen'),
    httpHosts: source.hosts('httpHosts'),
  };
}

/** The settings for the addresses of the listeners on the network. */
type ListenSetting = 'grpcListen' | 'httpListen' | 'adminListen';

/** Reads the settings of `artifacta serve`. @throws SettingError */
export function readServeConfig(args: readonly string[], env: Environment = process.env): ServeConfig {
  const source = new Source(flagsOf(args, 'serve'), env);
  const whileStdin = source.flag('whileStdin');
  const listen = (name: ListenSetting, port: number): Address | undefined => {
    if (!whileStdin)
      return source.text(name) === 'none' ? undefined : (source.address(name) ?? { host: '127.0.0.1', port });
    if ((source.text(name) ?? 'none') !== 'none')
      throw new SettingError(
        source.name(name),
        'cannot be given with --while-stdin, which serves only on the socket',
      );
    return undefined;
  };
  const grpc = listen('grpcListen', 50_051);
  const http = listen('httpListen', 8_080);
  const authConfig = source.path('authConfig');
  const auth = source.flag('auth') || authConfig !== undefined;
  const insecure = source.flag('insecure');
  const tls = tlsOf(source);
  const listening = Object.entries({ grpcListen: grpc, httpListen: http });
  for (const [name, address] of listening) {
    const host = address?.host ?? 'localhost';
    if (!isLoopback(host) && !auth && !insecure)
      throw new SettingError(
        source.name(name as ListenSetting),
        `${host} can be reached by other machines; use a loopback address, --auth or --insecure`,
      );
  }
  const isLocal = listening.every(([, address]) => address === undefined || isLoopback(address.host));
  const admin = listen('adminListen', 9_090);
  const replicas = replicasOf(source);
  return {
    ...common(source),
    grpc,
    tls,
    auth,
    authConfig,
    http,
    admin,
    otlpTracesUrl: source.collector('otlpTracesEndpoint') ?? tracesBelow(source.collector('otlpEndpoint')),
    replicas,
    redirects: redirectsOf(source),
    directUploads: directUploadsOf(source),
    httpHosts: source.hosts('httpHosts'),
    hasConsole: !source.flag('noConsole'),
    mcpConsented: [
      ...(source.flag('mcpEnableShare') ? ['share' as const] : []),
      ...(source.flag('mcpEnableDelete') ? ['delete' as const] : []),
    ],
    corsOrigins: source.origins('corsOrigins', auth),
    previewOrigin: previewOriginOf(source),
    graceMs: source.milliseconds('graceSeconds', 3_600) ?? (isLocal ? 0 : 5_000),
    drainMs: source.milliseconds('drainSeconds', 3_600) ?? 25_000,
    whileStdin,
    withReaper: source.flag('withReaper'),
    logFormat: logFormatOf(source),
    warnings: warningsOf(source, { auth, tls, isLocal, admin, replicas }),
  };
}

function clientTlsOf(source: Source): ClientTls {
  const [ca, cert, key] = (['clientTlsCa', 'clientTlsCert', 'clientTlsKey'] as const).map((name) =>
    source.path(name),
  );
  if ((cert === undefined) !== (key === undefined))
    throw new SettingError(
      source.name(cert === undefined ? 'clientTlsCert' : 'clientTlsKey'),
      'is required: certificate and key are used together',
    );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** The flags that were given with a command. */
interface ClientFlags {
  readonly url?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly namespace?: string | undefined;
}

/**
 * Reads the settings of every command except `serve`. The setting that is named in a stronger way counts: a data
 * directory over a URL, and one way to give the token over the other.
 *
 * @throws SettingError
 */
export function readClientConfig(flags: ClientFlags = {}, env: Environment = process.env): ClientConfig {
  return clientConfigFrom(clientSource(flags, env));
}

/** Returns the settings. @throws SettingError */
export function clientConfigFrom(source: Source): ClientConfig {
  const config = shared(source);
  const [token, tokenFile] = [source.strength('token'), source.strength('tokenFile')];
  if (token === tokenFile && token > 0)
    throw new SettingError(
      source.name('tokenFile'),
      `cannot be given with ${source.name('token')}; give one of them`,
    );
  return {
    ...config,
    ...wayOf(source),
    token: tokenFile > token ? undefined : config.token,
    tokenFile: token > tokenFile ? undefined : config.tokenFile,
  };
}

function wayOf(source: Source): Way {
  const url = source.strength('dataDir') > source.strength('url') ? undefined : source.url('url');
  if (url === undefined) return { url, ...placeOf(source) };
  const isKnown = source.strength('dataDir') > 0 || dataHomeOf(source.env) !== undefined;
  return { url, ...(isKnown ? placeOf(source) : { dataDir: undefined, socket: source.path('socket') }) };
}

/**
 * Returns the origins of the client's settings. @throws SettingError if the file that keeps settings cannot be used.
 */
export function clientSource(flags: ClientFlags = {}, env: Environment = process.env): Source {
  const given = new Map<SettingName, string>();
  for (const name of ['url', 'dataDir', 'tokenFile', 'namespace'] as const) {
    const value = flags[name];
    if (value !== undefined) given.set(name, value);
  }
  return new Source(given, env, readKeptSettings(env));
}

/** Reads the kept settings. @throws SettingError if the file exists and cannot be used. */
export function readKeptSettings(env: Environment = process.env): Kept {
  const path = keptPathIn(env);
  if (path === undefined) return { path: '', settings: new Map() };
  try {
    return { path, settings: readKept(path) };
  } catch (error) {
    throw new SettingError(path, error instanceof Error ? error.message : String(error));
  }
}

/** Returns the settings in force if only this one setting is kept and nothing else is given. @throws SettingError */
export function readKeptAlone(name: KeptName, value: string, env: Environment = process.env): ClientConfig {
  const kept = { path: 'config', settings: new Map([[name, value]]) };
  return clientConfigFrom(new Source(new Map(), env.HOME === undefined ? {} : { HOME: env.HOME }, kept));
}

/** Returns the path of the command line's kept settings. @throws SettingError if this user has no directory. */
export function keptSettingsPath(env: Environment = process.env): string {
  return keptPathIn(env) ?? homeOf(env);
}

/** Returns the same; undefined for a user without a directory, who has kept nothing. */
export function keptPathIfAny(env: Environment = process.env): string | undefined {
  return keptPathIn(env);
}

function placeOf(source: Source): Place {
  const dataDir = source.path('dataDir') ?? resolve(defaultDataDir(source.env));
  return { dataDir, socket: source.path('socket') ?? resolve(defaultSocket(dataDir, source.env)) };
}

function common(source: Source): CommonConfig {
  return { ...shared(source), ...placeOf(source), url: source.url('url') };
}

function shared(source: Source): Omit<CommonConfig, keyof Way> {
  const logLevel = source.text('logLevel') ?? 'info';
  if (!/^(trace|debug|info|warn|error|fatal|silent)$/.test(logLevel))
    throw new SettingError(
      source.name('logLevel'),
      `must be trace, debug, info, warn, error, fatal or silent, not ${logLevel}`,
    );
  const blobs = source.bucket('blobs');
  const exportDir = source.path('exportDir');
  return {
    token: source.token('token'),
    tokenFile: source.path('tokenFile'),
    namespace: source.namespace('namespace'),
    artifactBytesMax: source.bytes('artifactBytesMax', 2 ** 50) ?? 5 * 1024 ** 3,
    blobs,
    index: source.database('index'),
    // In the index, a content would end with the volume.
    inlineBytesMax: source.bytes('inlineBytesMax', 1024 ** 2) ?? (blobs === undefined ? 32 * 1024 : 0),
    reserveBytes: source.bytes('reserveBytes', 2 ** 50),
    rowCacheBytes: source.bytes('rowCacheBytes', 2 ** 36) ?? 16 * 1024 ** 2,
    publicUrl: source.webRoot('publicUrl'),
    exportDir,
    shipsSeals: shipsSealsOf(source, blobs !== undefined || exportDir !== undefined),
    clientTls: clientTlsOf(source),
    lockWaitMs: source.milliseconds('lockWaitSeconds', 3_600) ?? 30_000,
    logLevel,
  };
}

function shipsSealsOf(source: Source, shipsIndex: boolean): boolean {
  const text = source.text('sealDurability') ?? 'local';
  const name = source.name('sealDurability');
  if (text !== 'local' && text !== 'shipped')
    throw new SettingError(name, `must be local or shipped, not ${text}`);
  if (text === 'shipped' && !shipsIndex)
    throw new SettingError(
      name,
      'can be shipped only with --blobs or --export-dir, to which the index is shipped',
    );
  return text === 'shipped';
}

/**
 * Returns the abilities of the terminal: see https://no-color.org; a dumb one has no colors, and no line that is
 * rewritten.
 */
export function terminalOf(env: Environment = process.env): {
  readonly color: boolean;
  readonly rewrites: boolean;
} {
  const isDumb = env.TERM === 'dumb';
  return { color: !isDumb && !env.NO_COLOR, rewrites: !isDumb };
}

/**
 * Returns the form of log lines on standard output.
 *
 * @param isTerminal whether standard output is a terminal.
 */
export function logFormOf(
  format: LogFormat,
  isTerminal: boolean,
  env: Environment = process.env,
): 'json' | 'text' | 'colored text' {
  if (format === 'json' || (format === 'auto' && !isTerminal)) return 'json';
  return isTerminal && terminalOf(env).color ? 'colored text' : 'text';
}

/**
 * Returns the flags with which a command of the same user reaches the service of a place from another terminal, where
 * the variables of this program may not be set. Empty: the command finds the service by itself.
 */
export function flagsToReach(place: Place, env: Environment = process.env): string[] {
  const plain = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ARTIFACTA_')));
  if ([env, plain].every((one) => leadsTo(place, one))) return [];
  const isUsual = place.socket === resolve(defaultSocket(place.dataDir, env));
  return isUsual ? ['--data-dir', place.dataDir] : ['--url', `unix:${place.socket}`];
}

function leadsTo({ dataDir, socket }: Place, env: Environment): boolean {
  try {
    const way = readClientConfig({}, env);
    return way.url === undefined && way.dataDir === dataDir && way.socket === socket;
  } catch {
    // Some other setting cannot be used; the command reports it.
    return false;
  }
}

/**
 * Returns the environment for a launcher that this process starts.
 *
 * @param node the path of the Node to use. Undefined: the launcher looks for one.
 */
export function launcherEnvironment(node: string | undefined, env: Environment = process.env): Environment {
  return node === undefined ? env : { ...env, ARTIFACTA_NODE: node };
}

/** Returns what the commands for agents know from outside; see `Io`. */
export function runEnvironment({ ARTIFACTA_IGNORED_SIGNALS: ignored, ...env }: Environment = process.env) {
  const ignoresHangup = /[13579bdf]$/.test(ignored ?? '');
  return {
    environment: env,
    outerSession: env.ARTIFACTA_SESSION || undefined,
    transcripts: env.ARTIFACTA_TRANSCRIPTS || undefined,
    ignoresHangup,
  };
}

/** Returns where programs are found. Only the package for pip has a launcher in another directory than the program. */
export function programPlaces(env: Environment = process.env): ProgramPlaces {
  const searched = (env.PATH ?? '').split(delimiter).filter((path) => path !== '');
  return { searched, launcher: env.ARTIFACTA_LAUNCHER || undefined };
}

/**
 * Returns the directory for compiled code, which is made if necessary. Undefined if it cannot be made, if Node was
 * given one or told to keep nothing, and if it would lie in the data directory. A store takes an empty directory, such
 * as a volume that is the user's directory as well.
 *
 * @param args the arguments of the whole command line; every data directory that is named there counts.
 * @param contains returns whether a path leads into a directory.
 */
export function openCompileCacheDir(
  args: readonly string[],
  contains: (directory: string, path: string) => boolean,
  env: Environment = process.env,
): string | undefined {
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  try {
    const cacheDir = xdg('XDG_CACHE_HOME', env) ?? resolve(homeOf(env), '.cache');
    if (dataDirsNamed(args, env).some((directory) => contains(directory, compileCacheDirIn(cacheDir))))
      return undefined;
    return makeCompileCacheDir(cacheDir);
  } catch {
    // The user has no directory, or the settings cannot be used; commands that need them report it.
    return undefined;
  }
}

/** Returns the data directories that a command line may mean, before the command is known. Absolute. */
function dataDirsNamed(args: readonly string[], env: Environment): string[] {
  const flag = `--${settings.dataDir.flag}`;
  const given = args.flatMap((arg, at) => {
    if (arg.startsWith(`${flag}=`)) return [arg.slice(flag.length + 1)];
    return arg === flag ? (args[at + 1] ?? []) : [];
  });
  const texts = [...given, env[settings.dataDir.env], readKeptSettings(env).settings.get('data-dir')];
  const named = texts.flatMap((text) => (text ? resolve(fromHome(text, env)) : []));
  const dataHome = dataHomeOf(env);
  return dataHome === undefined ? named : [...named, resolve(dataHome, 'artifacta')];
}
