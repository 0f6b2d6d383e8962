/** The programs that run the scenario: found by their `programs.json`, made ready, and run. */
import { spawn, spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve, sep } from 'node:path';
import { removeDirectory } from '../support/directories.ts';
import { scenarioFile } from './scenario.ts';

const root = resolve(import.meta.dirname, '../..');
/** The exit code of a `prepare` that cannot have what it needs. */
const unavailable = 77;
const prepareMs = 900_000;
const runMs = 120_000;

/** One entry of a `programs.json`; `clients/README.md` says what each member means. */
export interface Program {
  readonly name: string;
  readonly needs?: readonly string[];
  readonly prepare?: readonly string[];
  readonly run: readonly string[];
  readonly lacks?: Readonly<Record<string, string>>;
  /** The folder of its `programs.json`. */
  readonly folder: string;
}

export function findPrograms(): Program[] {
  const files = globSync('clients/{*,*/*}/programs.json', { cwd: root }).sort();
  return files.flatMap((file) => {
    const { programs } = JSON.parse(readFileSync(join(root, file), 'utf8')) as { programs: Program[] };
    return programs.map((program) => ({ ...program, folder: join(root, dirname(file)) }));
  });
}

/** The addresses of a service. */
export interface Place {
  /** `HOST:PORT` */
  readonly grpc: string;
  readonly http: string;
}

/** What one run of a program is given. */
interface Surroundings {
  readonly service: Place;
  readonly older: Place;
  readonly newer: Place;
  readonly token: string;
}

/** What became of a run. */
interface Ran {
  readonly output: string;
  /** What it wrote to standard error. */
  readonly remarks: string;
  /** What is wrong with its end. Undefined: it ended with 0. */
  readonly fault: string | undefined;
}

function ownVariables({ folder }: Program): Record<string, string> {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const own = relative(join(root, 'clients'), folder).replaceAll(sep, '-');
  return { SCENARIO_CACHE: join(caches, 'artifacta', 'clients', own), SCENARIO_ROOT: root };
}

/** Where commands are looked for: `node` is the one that runs this. */
const path = [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);

/** Nothing of the caller's own settings reaches a program. */
function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([key]) => !/^(ARTIFACTA|SCENARIO)_|^NODE_OPTIONS$/.test(key),
  );
  return { ...Object.fromEntries(kept), PATH: path, ...more };
}

/** Returns what a program finds in its environment, wherever it runs. */
export function environmentOf(program: Program): NodeJS.ProcessEnv {
  return environment(ownVariables(program));
}

function isOnPath(command: string): boolean {
  return path.split(delimiter).some((place) => globSync(join(place, command)).length > 0);
}

/**
 * Returns a function that makes programs ready to run, those of a folder that are made by the same command at once. It
 * returns why a program cannot run here; undefined if it can.
 *
 * @throws Error if the program could have what it needs, and was not made.
 */
export function makingReady(): (program: Program) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (program) => {
    const key = JSON.stringify([program.folder, program.needs, program.prepare]);
    if (!known.has(key)) known.set(key, prepare(program));
    return known.get(key);
  };
}

function prepare(program: Program): string | undefined {
  const missing = program.needs?.find((command) => !isOnPath(command));
  if (missing !== undefined) return `there is no ${missing}`;
  const own = ownVariables(program);
  mkdirSync(own.SCENARIO_CACHE!, { recursive: true });
  const [command, ...args] = program.prepare ?? [];
  if (command === undefined) return undefined;
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: program.folder,
    env: environment(own),
    encoding: 'utf8',
    timeout: prepareMs,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = `${stdout}${stderr}`.trimEnd();
  if (status === unavailable) return said.split('\n').at(-1) ?? 'it does not say why';
  if (status !== 0) throw new Error(`it cannot be made (${error?.message ?? status}):\n${said}`);
  return undefined;
}

/** Runs a program against the services, and waits for its end. */
export async function run(program: Program, { service, older, newer, token }: Surroundings): Promise<Ran> {
  const scratch = mkdtempSync(join(tmpdir(), 'artifacta-scenario-'));
  const [command, ...args] = program.run;
  const child = spawn(command!, args, {
    cwd: program.folder,
    env: environment({
      ...ownVariables(program),
      ARTIFACTA_URL: `grpc://${service.grpc}`,
      ARTIFACTA_TOKEN: token,
      SCENARIO_HTTP_URL: `http://${service.http}`,
      SCENARIO_OLDER_URL: `grpc://${older.grpc}`,
      SCENARIO_OLDER_HTTP_URL: `http://${older.http}`,
      SCENARIO_NEWER_URL: `grpc://${newer.grpc}`,
      SCENARIO_NEWER_HTTP_URL: `http://${newer.http}`,
      SCENARIO_FILE: scenarioFile,
      SCENARIO_PREFIX: `${program.name}-`,
      SCENARIO_DIR: scratch,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that its children end with it.
    detached: true,
  });
  const [output, remarks] = [texts(child.stdout), texts(child.stderr)];
  const endAll = () => endGroup(child.pid);
  // What it started and left would keep its output open.
  child.once('exit', endAll);
  const timer = setTimeout(endAll, runMs);
  try {
    const fault = await new Promise<string | undefined>((ended) => {
      child.once('error', (error) => ended(error.message));
      child.once('close', (code, signal) => {
        if (code !== 0) ended(`it ended with ${code ?? signal}`);
        else ended(undefined);
      });
    });
    return { output: output(), remarks: remarks(), fault };
  } finally {
    clearTimeout(timer);
    removeDirectory(scratch);
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}

function texts(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString();
}
