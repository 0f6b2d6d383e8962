/** The greeting of the service on a terminal: where it serves, where the data is, and what to try first. */
import { isLoopback, parseAddress, reachableUrl } from '../domain/address.ts';
import type { RunningServer } from '../server/server.ts';
import { flagsToReach, programPlaces } from '../settings/config.ts';
import type { ServeConfig } from '../settings/config-shapes.ts';
import { written } from '../telemetry/readable-line.ts';
import { programNameOf } from './program-name.ts';

/** The facts about a running service that its greeting tells. */
interface Greeted {
  readonly version: string;
  /** The file that the process was started with. */
  readonly main: string;
  readonly addresses: RunningServer['addresses'];
  /** The address of the admin listener. */
  readonly admin: string | undefined;
}

/** Returns the lines of the greeting, each with its end. */
export function greeting(config: ServeConfig, greeted: Greeted): string {
  const { grpc, http, socket } = greeted.addresses;
  const isSecure = config.tls !== undefined;
  const rows: (readonly [string, string | undefined])[] = [
    ['gRPC', urlOf(isSecure ? 'grpcs' : 'grpc', grpc)],
    ['HTTP', urlOf(isSecure ? 'https' : 'http', http)],
    ['console', config.hasConsole ? urlOf(isSecure ? 'https' : 'http', http) : undefined],
    ['socket', grpc === null && http === null && socket !== null ? socket : undefined],
    ['admin', urlOf('http', greeted.admin ?? null)],
    ['data', config.dataDir],
    ['access', accessOf(config, greeted.addresses)],
    ['try', `echo hello | ${commandFor(config, greeted.main)} push - --name hello.txt --session first`],
    ['stop', config.whileStdin ? 'when standard input ends, or with Ctrl-C' : 'Ctrl-C'],
  ];
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : `  ${name.padEnd(8)}${written(value)}\n`,
  );
  return [`Artifacta ${greeted.version} is ready.\n`, ...shown].join('');
}

function urlOf(scheme: Parameters<typeof reachableUrl>[0], text: string | null): string | undefined {
  const address = parseAddress(text ?? '');
  return address && reachableUrl(scheme, address);
}

function accessOf({ auth }: ServeConfig, { grpc, http }: RunningServer['addresses']): string {
  if (grpc === null && http === null) return 'this user, without credentials';
  if (auth)
    return 'with credentials ("artifacta keys create" makes them); this user needs none over the local socket';
  const isLocal = [grpc, http].every(
    (address) => address === null || isLoopback(parseAddress(address)?.host ?? ''),
  );
  return isLocal
    ? 'every program on this machine, without credentials (--auth requires them)'
    : 'every machine that can connect, without credentials (--auth requires them)';
}

/** Returns the beginning of a command that reaches this service when it is pasted into another terminal. */
function commandFor(config: ServeConfig, main: string): string {
  return [programNameOf(main, programPlaces()), ...flagsToReach(config)].map(quoted).join(' ');
}

/** Returns a word for a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
