/** Puts the service together: the store, its listeners, and the parts that watch them. */
import { replicaMethods } from '../api/passing/replica-routes.ts';
import { methodNames } from '../api/routes.ts';
import { sharedMethod } from '../api/shared.ts';
import { ticketMethod } from '../api/tickets/use.ts';
import { exportWarnings } from '../blobs/disk-exports.ts';
import { identifyBy } from '../identity/certificates.ts';
import { parseOutsideConfig } from '../identity/config.ts';
import { openJwtVerifier } from '../identity/jwt.ts';
import { openAdminListener } from '../server/admin-listener.ts';
import { usualUnsent } from '../server/answers.ts';
import { messageBytes } from '../server/grpc/codec.ts';
import { type Phase, Readiness } from '../server/readiness.ts';
import { usualReceived } from '../server/receiving.ts';
import type { RunningServer } from '../server/server.ts';
import { Tls } from '../server/tls.ts';
import { logFormOf } from '../settings/config.ts';
import type { ServeConfig } from '../settings/config-shapes.ts';
import type { HostState } from '../store/custody/status.ts';
import { openTelemetry, type Telemetry, type TelemetryOptions } from '../telemetry/telemetry.ts';
import { type Embedded, type EmbeddedOptions, openWhenFree } from './data-directory.ts';
import { setUmaskFor } from './directory-rights.ts';
import { greeting } from './greeting.ts';
import { OwnDirectory, outsideReader, requireOutside } from './own-directory.ts';
import { consoleDirOf } from './program-name.ts';
import { startReaper } from './reap-child.ts';
import { type ListenerParts, type Outside, openListeners } from './serving/listeners.ts';
import { openReplicasOf } from './serving/replicas.ts';
import { type StartStage, watchStart } from './slow-start.ts';
import { openUnlessServed } from './while-input.ts';

/** The facts and events that the process gives the service, and the calls that the service makes to it. */
interface Surroundings {
  /** The version of the software. */
  readonly version: string;
  /** The file that this process was started with. */
  readonly main: string;
  /** Standard output, if it is a terminal. */
  readonly terminal: { print(text: string): void } | undefined;
  /** The first signal to stop, and the second. */
  readonly signals: { readonly first: Promise<NodeJS.Signals>; readonly second: Promise<NodeJS.Signals> };
  /** Resolves when standard input has ended, if the service is to end with it. */
  readonly inputEnd: Promise<void>;
  /** Calls the listener when files should be read again. */
  readonly hangup: (listener: () => void) => void;
  /** Ends the process, which can do nothing any more. */
  readonly fail: () => never;
}

/** Runs the service. Resolves when it has stopped because it was asked to. @throws Error if it cannot start. */
export async function serveUntilSignalled(config: ServeConfig, surroundings: Surroundings): Promise<void> {
  const { version, signals, fail, terminal } = surroundings;
  const own = ownDirectoryOf(config);
  const readiness = new Readiness();
  const [unsent, received] = [usualUnsent(), usualReceived()];
  let embedded: Embedded | undefined;
  const figures = async () => embedded?.figures();
  const logForm = logFormOf(config.logFormat, terminal !== undefined);
  const telemetry = openTelemetryOf(config, { version, logForm, readiness, unsent, received, figures });
  const { log } = telemetry;
  noteBugs(telemetry, fail);
  using start = watchStart(log);
  await warnOf(config, telemetry);
  const outside = await openOutside(config.authConfig, own);
  using tls = config.tls && (await openTls(config.tls, telemetry, surroundings, own));
  using replicas = await openReplicasOf(config, telemetry, outsideReader(own));
  const openAdmin = () => openAdminOf(config, { readiness, unsent }, telemetry);
  // A service that is being replaced may still have the address; this one asks again when that one has left.
  const adminAtOnce = await openAdmin().catch(() => undefined);
  let isListening = false;
  const showState = (state: HostState) => {
    if (readiness.phase !== 'leaving' && readiness.phase !== 'stopping')
      readiness.set(phaseOf(state, isListening, embedded?.trouble()));
  };
  const onTrouble = () => embedded && showState(embedded.host.state);
  const onState = (state: HostState) => {
    // A process that orchestrators restart is better than one that can do nothing any more.
    if (state === 'failed') fail();
    showState(state);
  };
  await setUmaskFor(config.dataDir);
  start.enter('lock');
  const onStage = (stage: StartStage) => start.enter(stage);
  const open = (until: () => Promise<boolean>) =>
    openStoreOf(config, { until, version, replicas }, telemetry, { onState, onStage, onTrouble });
  embedded = await openInTurn(config, surroundings, log, open);
  if (embedded === undefined) {
    log.info('stopped');
    return;
  }
  const { host, close } = embedded;
  start.enter('listening');
  try {
    // The admin listener answers while the service drains, and is closed before the store: the next service gets the
    // store and wants the address.
    await using admin = adminAtOnce ?? (await openAdmin());
    await telemetry.loaded;
    const consoleDir = config.hasConsole ? consoleDirOf(surroundings.main) : undefined;
    const parts = { telemetry, readiness, unsent, received, tls, outside, version, consoleDir, replicas };
    await using server = await openListeners(config, { ...parts, embedded });
    await embedded.serve();
    isListening = true;
    showState(host.state);
    await using _reaper = config.withReaper
      ? startReaper(surroundings.main, config, (fields, message) => log.warn(fields, message))
      : undefined;
    start.end();
    announce(config, surroundings, { log, embedded, addresses: server.addresses, admin: admin?.address });
    const reason = await reasonToEnd(config, surroundings, server);
    log.info(reason, 'draining; a second signal cancels the open calls');
    void signals.second.then(() => server.force());
    log.info(await server.drain(), 'drained');
  } finally {
    await close();
    await telemetry[Symbol.asyncDispose]();
  }
  log.info('stopped');
}

function openTelemetryOf(
  config: ServeConfig,
  parts: Pick<ListenerParts, 'version' | 'readiness' | 'unsent' | 'received'> & {
    figures: TelemetryOptions['figures'];
    logForm: TelemetryOptions['logForm'];
  },
): Telemetry {
  const { readiness, unsent, received, ...given } = parts;
  return openTelemetry({
    ...config,
    ...given,
    hasMetrics: config.admin !== undefined,
    methods: [...methodNames, sharedMethod, ticketMethod, ...replicaMethods],
    isReady: () => readiness.ready,
    messageBytes: () => messageBytes,
    sending: () => unsent,
    receiving: () => received,
  });
}

interface Announced extends Pick<Telemetry, 'log'> {
  readonly embedded: Embedded;
  readonly addresses: RunningServer['addresses'];
  readonly admin: string | undefined;
}

/** Logs that the service serves. On a terminal that shows texts, the greeting says where, and not the log line. */
function announce(
  config: ServeConfig,
  { terminal, version, main }: Surroundings,
  { log, embedded, addresses, admin }: Announced,
): void {
  const { auth, dataDir, logFormat, tls } = config;
  const isServing = embedded.host.damage === undefined;
  const condition = { pid: process.pid, ...conditionOf(embedded) };
  const isGreeted = isServing && terminal !== undefined && logFormat !== 'json' && log.isLevelEnabled('info');
  const listeners = { ...addresses, tls: tls !== undefined, admin: admin ?? null };
  const where = isGreeted ? {} : { ...listeners, auth, data_dir: dataDir };
  log.info({ ...where, ...condition }, isServing ? 'ready' : 'in recovery');
  if (isGreeted) terminal.print(greeting(config, { version, main, addresses, admin }));
}

/** Returns the facts about the store for the log line which says that it serves. */
function conditionOf({ host, trouble }: Embedded): object {
  if (host.damage !== undefined) return { recovery: host.damage.message };
  const found = trouble();
  return { ...host.store.recovered, ...(found === undefined ? {} : { trouble: found.message }) };
}

function phaseOf(state: HostState, isListening: boolean, trouble: ReturnType<Embedded['trouble']>): Phase {
  if (state === 'recovery') return 'recovery';
  if (state !== 'serving' || !isListening) return 'starting';
  if (trouble === undefined) return 'serving';
  return trouble.isReadable ? 'reading' : 'unreadable';
}

/** Returns the data directory. @throws SettingError if something else that the settings name lies in it. */
function ownDirectoryOf({ dataDir, tls, authConfig, exportDir, replicas }: ServeConfig): OwnDirectory {
  const own = new OwnDirectory(dataDir);
  for (const path of [tls?.cert, tls?.key, tls?.clientCa, authConfig, exportDir, replicas?.secretFile])
    if (path !== undefined) requireOutside(own, path);
  return own;
}

/** Logs warnings about the settings. */
async function warnOf({ warnings, exportDir, dataDir }: ServeConfig, { log }: Telemetry): Promise<void> {
  for (const warning of warnings) log.warn(warning);
  if (exportDir === undefined) return;
  for (const warning of await exportWarnings(exportDir, dataDir)) log.warn(warning);
}

function noteBugs({ log }: Telemetry, fail: () => never): void {
  // A promise that no code waited for has failed: a bug, but one that has interrupted nothing. The handlers' own
  // failures end their calls, and a failed write makes the index reopen. To stop here would let one request that
  // reaches the bug break off the uploads of all callers, again and again.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  // Code was interrupted half way, so its data in memory may be wrong. The store is made for sudden ends.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    fail();
  });
}

/** Opens the file of outside identities. @throws Error that names the file and its fault. */
async function openOutside(path: string | undefined, own: OwnDirectory): Promise<Outside> {
  if (path === undefined) return {};
  const read = outsideReader(own);
  try {
    const { jwt, certificates, proxy } = parseOutsideConfig(String(await read(path)));
    return {
      issuers: jwt.map(({ issuer }) => issuer),
      ...(jwt.length === 0 ? {} : { verifyJwt: await openJwtVerifier(jwt, Date.now, { readFile: read }) }),
      ...(certificates.length === 0 ? {} : { identify: identifyBy(certificates) }),
      proxy,
    };
  } catch (error) {
    throw new Error(`--auth-config ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function openTls(
  files: NonNullable<ServeConfig['tls']>,
  { log }: Telemetry,
  { hangup }: Surroundings,
  own: OwnDirectory,
): Promise<Tls> {
  const tls = await Tls.open(files, {
    warn: (message) => log.warn(message),
    readFile: outsideReader(own),
  });
  tls.subscribe(() => log.info('a new certificate is in use'));
  hangup(() => void tls.reload());
  return tls;
}

async function openAdminOf(
  { admin, httpHosts }: ServeConfig,
  { readiness, unsent }: Pick<ListenerParts, 'readiness' | 'unsent'>,
  { log, scrape }: Telemetry,
) {
  if (admin === undefined) return undefined;
  return await openAdminListener({
    address: admin,
    hosts: httpHosts,
    readiness,
    unsent,
    metrics: scrape,
    onUnexpectedError: (error, path) => log.error({ err: error, path }, 'unexpected error'),
  });
}

/** Resolves when the service should end, with the fields for the log. */
async function reasonToEnd(
  { whileStdin }: ServeConfig,
  { signals, inputEnd }: Surroundings,
  server: RunningServer,
): Promise<object> {
  const signalled = signals.first.then((signal) => ({ signal }));
  if (!whileStdin) return await signalled;
  const unused = inputEnd.then(async () => {
    await server.whenIdle();
    return { stdin: 'ended' };
  });
  return await Promise.race([signalled, unused]);
}

/** Opens the store, unless a signal comes first, or the end of the input for which it is opened. */
async function openInTurn(
  { whileStdin, socket, dataDir }: ServeConfig,
  { signals, inputEnd }: Surroundings,
  log: Telemetry['log'],
  open: (until: () => Promise<boolean>) => Promise<Embedded | undefined>,
): Promise<Embedded | undefined> {
  let isOver = false;
  const over = whileStdin ? Promise.race([signals.first, inputEnd]) : signals.first;
  void over.then(() => {
    isOver = true;
  });
  if (!whileStdin) return await open(async () => isOver);
  return await openUnlessServed({
    socket,
    over,
    open: (isServed) => open(async () => isOver || (await isServed())),
    onRefused: () =>
      log.warn({ socket }, 'another process has the socket but does not answer; trying again until it does'),
    onUsed: () =>
      log.info({ socket, data_dir: dataDir, pid: process.pid, served_by: 'another process' }, 'ready'),
  });
}

/**
 * Opens the store when it is free. A command leaves by itself, and so does a service that is just being replaced: in
 * both cases this one waits.
 *
 * @returns undefined if `until` was true before.
 */
async function openStoreOf(
  config: ServeConfig,
  {
    until,
    version,
    replicas,
  }: Pick<ListenerParts, 'version' | 'replicas'> & { readonly until: () => Promise<boolean> },
  { log }: Telemetry,
  listeners: Pick<EmbeddedOptions, 'onState' | 'onStage' | 'onTrouble'>,
): Promise<Embedded | undefined> {
  let waits = false;
  const tell = {
    warn: (message: string) => log.warn(message),
    debug: (message: string) => log.debug(message),
  };
  const embedded = await openWhenFree(
    {
      ...config,
      version,
      replica: config.replicas &&
        replicas && {
          ...config.replicas,
          secretMark: replicas.secretMark,
          isSecured: config.tls !== undefined,
        },
      remoteCommits: replicas?.remoteCommits,
      ...tell,
      ...listeners,
    },
    async () => {
      if (!waits)
        log.warn(
          { data_dir: config.dataDir },
          'waiting for another process that has the data directory open',
        );
      waits = true;
      return await until();
    },
  );
  // No log line said that it serves: nothing must drain, and no grace is due.
  const isOver = embedded !== undefined && (await until());
  if (isOver) await embedded?.close();
  return isOver ? undefined : embedded;
}
