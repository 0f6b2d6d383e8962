/** Puts the program together: what it is made of, which signals it heeds, and how it exits. */
import { enableCompileCache } from 'node:module';
import packageJson from '../package.json' with { type: 'json' };
import { compileCacheDir, readServeConfig, type ServeConfig, SettingError } from './config.ts';
import type { Embedded } from './embedded.ts';
import { ListenError } from './server/addresses.ts';
import type { HostState } from './store/host.ts';

/** Of the process. Commands have more: see `src/cli/exit.ts`. */
const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Of the settings that say where the doors are. */
const listenFlags = {
  grpc: '--grpc-listen',
  http: '--http-listen',
  admin: '--admin-listen',
  socket: '--socket',
} as const;

const { version } = packageJson;

// Halves the start of short commands. Where it cannot be written nothing is lost but that.
enableCompileCache(compileCacheDir());

const argv = process.argv.slice(2);
process.exit(argv[0] === 'serve' ? await serve(argv.slice(1)) : await commandLine(argv));

async function serve(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write((await import('./settings.ts')).serveHelp());
    return exitCodes.ok;
  }
  try {
    await serveUntilSignalled(readServeConfig(args));
    return exitCodes.ok;
  } catch (error) {
    const hint = error instanceof ListenError ? `; ${listenFlags[error.door]} says where else` : '';
    process.stderr.write(`artifacta: ${error instanceof Error ? error.message : String(error)}${hint}\n`);
    return error instanceof SettingError ? exitCodes.usage : exitCodes.failed;
  }
}

async function serveUntilSignalled(config: ServeConfig): Promise<void> {
  const [
    { openTelemetry },
    { openWhenFree },
    { routes, methodNames },
    { authenticationOver },
    { startServer },
    { messageBytes },
    { openAdminDoor },
    { Readiness },
    { limits },
  ] = await Promise.all([
    import('./telemetry/telemetry.ts'),
    import('./embedded.ts'),
    import('./api/routes.ts'),
    import('./api/credentials.ts'),
    import('./server/server.ts'),
    import('./server/grpc-codec.ts'),
    import('./server/admin-door.ts'),
    import('./server/readiness.ts'),
    import('./domain/limits.ts'),
  ]);
  const readiness = new Readiness();
  let embedded: Embedded | undefined;
  const telemetry = openTelemetry({
    ...config,
    version,
    hasMetrics: config.admin !== undefined,
    methods: methodNames,
    isReady: () => readiness.ready,
    messageBytes: () => messageBytes,
    figures: async () => embedded?.figures(),
  });
  const { log } = telemetry;
  const signals = catchSignals();
  // A promise that nobody waited for has failed: a bug, but one that has interrupted nothing. The handlers' own
  // failures end their calls, and a failed write makes the index reopen. Stopping here would let one request that
  // reaches the bug break off everybody's uploads, again and again.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  // Code was interrupted half way, so that what it keeps in memory may be wrong. The store is made for sudden ends.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    process.exit(exitCodes.failed);
  });
  for (const warning of config.warnings) log.warn(warning);
  const openAdmin = async () =>
    config.admin === undefined
      ? undefined
      : await openAdminDoor({
          address: config.admin,
          readiness,
          metrics: telemetry.scrape,
          onUnexpectedError: (error, path) => log.error({ err: error, path }, 'unexpected error'),
        });
  // Whoever is being replaced may still have the address; it is asked for again when that has left.
  const adminAtOnce = await openAdmin().catch(() => undefined);
  let isListening = false;
  const showState = (state: HostState) => {
    if (readiness.phase === 'leaving' || readiness.phase === 'stopping') return;
    if (state === 'recovery') readiness.set('recovery');
    else readiness.set(state === 'serving' && isListening ? 'serving' : 'starting');
  };
  let waits = false;
  let isSignalled = false;
  void signals.first.then(() => {
    isSignalled = true;
  });
  // A command leaves by itself, and so does a service that is just being replaced: whichever it is, it is waited for.
  embedded = await openWhenFree(
    {
      ...config,
      warn: (message) => log.warn(message),
      onState: (state) => {
        // What orchestrators start again is better than what can do nothing any more.
        if (state === 'failed') process.exit(exitCodes.failed);
        showState(state);
      },
    },
    async () => {
      if (!waits)
        log.warn(
          { data_dir: config.dataDir },
          'waiting for another process that has the data directory open',
        );
      waits = true;
      return isSignalled;
    },
  );
  if (embedded === undefined) {
    log.info('stopped');
    return;
  }
  const { host, close } = embedded;
  const elapsed = () => performance.now();
  try {
    // Answers while the service drains, and is closed before the store: the next one gets that and wants the address.
    await using admin = adminAtOnce ?? (await openAdmin());
    await telemetry.loaded;
    await using server = await startServer({
      routes: routes({
        store: host.store,
        host,
        version,
        onStart: telemetry.onStart,
        onCall: telemetry.onCall,
        elapsed,
        authenticate: authenticationOver(host.store, { isRequired: config.auth, elapsed }).authenticate,
      }),
      readiness,
      grpc: config.grpc,
      http: config.http,
      httpHosts: config.httpHosts,
      checkHost: !config.auth,
      corsOrigins: config.corsOrigins,
      socket: config.socket,
      messageBytesMax: limits.messageBytesMax,
      concurrentStreamsMax: limits.concurrentStreamsMax,
      graceMs: config.graceMs,
      drainMs: config.drainMs,
      onUnexpectedError: (error, method) => log.error({ err: error, method }, 'unexpected error'),
    });
    isListening = true;
    showState(host.state);
    log.info(
      {
        ...server.addresses,
        admin: admin?.address ?? null,
        data_dir: config.dataDir,
        pid: process.pid,
        ...(host.damage === undefined ? host.store.recovered : { recovery: host.damage.message }),
      },
      host.damage === undefined ? 'ready' : 'in recovery',
    );
    log.info({ signal: await signals.first }, 'draining; a second signal breaks off what is under way');
    void signals.second.then(() => server.force());
    log.info(await server.drain(), 'drained');
  } finally {
    await close();
    await telemetry[Symbol.asyncDispose]();
  }
  log.info('stopped');
}

/** From now on the first two signals to stop do not end the process but resolve these. */
function catchSignals(): {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<NodeJS.Signals>;
} {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  let caught = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    caught++;
    (caught === 1 ? first : second).resolve(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { first: first.promise, second: second.promise };
}

async function commandLine(args: readonly string[]): Promise<number> {
  const { run } = await import('./cli/program.ts');
  const interruption = new AbortController();
  const signals = catchSignals();
  void signals.first.then(() => interruption.abort());
  void signals.second.then(() => process.exit(exitCodes.interrupted));
  const { stdin, stdout, stderr } = process;
  const warn = (message: string) => void stderr.write(`artifacta: ${message}\n`);
  return await run(args, {
    stdin,
    stdout,
    stderr,
    // Most of what is loaded is for this, and help texts do without.
    connect: async (options) =>
      (await import('./connection.ts')).openConnection(options, warn, interruption.signal),
    signal: interruption.signal,
    version,
  });
}
