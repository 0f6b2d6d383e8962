/** Puts the program together: what it is made of, which signals it heeds, and how it exits. */
import { createReadStream, fstatSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { isatty } from 'node:tty';
import packageJson from '../package.json' with { type: 'json' };
import { withNativeParts } from './programs/native-parts.ts';
import { OwnDirectory } from './programs/own-directory.ts';
import { ListenError } from './server/addresses.ts';
import {
  openCompileCacheDir,
  readReapConfig,
  readServeConfig,
  runEnvironment,
  terminalOf,
} from './settings/config.ts';
import { keptNames } from './settings/kept-file.ts';
import { SettingError } from './settings/source.ts';

/** Of the process. Commands have more: see `src/cli/exit.ts`. */
const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Of the settings that say where the listeners are. */
const listenFlags = {
  grpc: '--grpc-listen',
  http: '--http-listen',
  admin: '--admin-listen',
  socket: '--socket',
} as const;

/** Signals that a terminal, a service manager or a user sends to a program, in addition to the two that end all commands. */
const otherSignals = ['SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH'] as const;

const { version } = packageJson;
/** This file: source, or the first of a bundle. */
const main = import.meta.filename;

const argv = process.argv.slice(2);

// Halves the start of short commands. Where it cannot be written nothing is lost but that.
const compileCacheDir = openCompileCacheDir(argv, (dataDir, path) =>
  new OwnDirectory(dataDir).willContain(path),
);
if (compileCacheDir !== undefined) enableCompileCache(compileCacheDir);

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { serve, reap };
/** `help serve` is `serve --help`. */
const [name = '', ...rest] = argv[0] === 'help' && argv.length === 2 ? [argv[1]!, '--help'] : argv;
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
process.exit(command === undefined ? await commandLine(argv) : await command(rest));

async function serve(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h'))
    return await printed((await import('./settings/help.ts')).serveHelp());
  try {
    const config = readServeConfig(args);
    // Loading takes a while, in which process 1 of a container hears no signal that it does not heed.
    const signals = catchSignals();
    // Before anything else loads the library of protobuf.
    await import('./programs/native-base64.ts');
    const { serveUntilSignalled } = await withNativeParts(() => import('./programs/serve.ts'));
    const fail = () => process.exit(exitCodes.failed);
    const hangup = (listener: () => void) => void process.on('SIGHUP', listener);
    await serveUntilSignalled(config, {
      version,
      main,
      terminal: isatty(1) ? { print: (text) => void process.stdout.write(text) } : undefined,
      signals,
      inputEnd: config.whileStdin ? watchInput() : new Promise(() => {}),
      hangup,
      fail,
    });
    return exitCodes.ok;
  } catch (error) {
    const hint =
      error instanceof ListenError ? `; choose another address with ${listenFlags[error.listener]}` : '';
    process.stderr.write(`artifacta: ${error instanceof Error ? error.message : String(error)}${hint}\n`);
    return error instanceof SettingError ? exitCodes.usage : exitCodes.failed;
  }
}

async function reap(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h'))
    return await printed((await import('./settings/help.ts')).reapHelp());
  try {
    const config = readReapConfig(args);
    // Before it loads, as in `serve`.
    const { first, second } = catchSignals();
    void second.then(() => process.exit(exitCodes.interrupted));
    // The process that started it has ended.
    const left = new Promise((resolve) => process.once('disconnect', resolve));
    const { reapUntilStopped } = await import('./programs/reap.ts');
    const isWell = await reapUntilStopped(config, {
      version,
      isTerminal: isatty(1),
      stopped: Promise.race([first, left]),
    });
    return isWell ? exitCodes.ok : exitCodes.failed;
  } catch (error) {
    const hint = error instanceof ListenError ? '; choose another address with --listen' : '';
    process.stderr.write(`artifacta: ${error instanceof Error ? error.message : String(error)}${hint}\n`);
    return error instanceof SettingError ? exitCodes.usage : exitCodes.failed;
  }
}

/** Prints a help. It fails as the output of commands does, if that is lost. */
async function printed(text: string): Promise<number> {
  const { Output } = await import('./cli/output/output.ts');
  const { stdout, stderr } = process;
  const output = new Output({ stdout, stderr, terminal: terminalOf(), signal: undefined });
  output.text(text, 'stdout');
  await output.finish();
  if (output.lost === undefined) return exitCodes.ok;
  output.error(output.lost);
  return exitCodes.failed;
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

/** Gives signals to a listener; see `Io.takeSignals`. */
function takeSignals(listener: (signal: NodeJS.Signals) => void): () => void {
  const before = new Map((['SIGINT', 'SIGTERM'] as const).map((name) => [name, process.listeners(name)]));
  const taken = [...before.keys(), ...otherSignals];
  // A signal without any listener, be it for a moment, ends the process.
  for (const name of taken) process.on(name, listener);
  for (const [name, listeners] of before) for (const one of listeners) process.off(name, one);
  return () => {
    for (const [name, listeners] of before) for (const one of listeners) process.on(name, one);
    for (const name of taken) process.off(name, listener);
  };
}

/** Node gives no bytes of what it has no kind of stream for: a directory, which cannot be read, and a disk. */
function standardInput(): typeof process.stdin | ReturnType<typeof createReadStream> {
  const stats = fstatSync(0);
  return stats.isDirectory() || stats.isBlockDevice() ? createReadStream('', { fd: 0 }) : process.stdin;
}

/** @returns what resolves when standard input has ended, or cannot be read any more. */
function watchInput(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => resolve());
    process.stdin.resume();
  });
}

async function commandLine(args: readonly string[]): Promise<number> {
  const { run } = await import('./cli/program.ts');
  const interruption = new AbortController();
  const signals = catchSignals();
  void signals.first.then(() => interruption.abort());
  void signals.second.then(() => process.exit(exitCodes.interrupted));
  const { stdout, stderr } = process;
  // No code foresaw it, and a stack says nothing to a user of the command line.
  process.on('uncaughtException', (error) => {
    const message = `this is a fault of the program; please report it: ${error.message}`;
    const told = args.includes('--json')
      ? JSON.stringify({
          error: {
            code: 'INTERNAL',
            reason: null,
            message,
            fields: [],
            metadata: {},
            subject: null,
            advice: null,
          },
        })
      : `artifacta: ${message}`;
    stderr.write(`${told}\n`);
    process.exit(exitCodes.failed);
  });
  return await run(args, {
    stdin: standardInput(),
    stdout,
    stderr,
    terminal: terminalOf(),
    // Most of what is loaded is for this, and help texts do without.
    connect: async (options, warn) =>
      (await import('./programs/connect.ts')).openConnection(options, warn, interruption.signal, version),
    keptSettings: keptNames,
    settings: async () => (await import('./programs/client-settings.ts')).openClientSettings(),
    signal: interruption.signal,
    takeSignals,
    ...runEnvironment(),
    version: main.endsWith('.ts') ? `${version} (from its sources)` : version,
  });
}
