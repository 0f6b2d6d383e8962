/** The directories of the user, by the environment: https://specifications.freedesktop.org/basedir-spec. */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { socketPathBytesMax } from '../domain/address.ts';
import { type Environment, fromHome, homeIfAny, homeOf } from './source.ts';

/** Returns the path of the kept settings. Undefined for a user without a directory, who has kept nothing. */
export function keptPathIn(env: Environment): string | undefined {
  const configDir = xdg('XDG_CONFIG_HOME', env) ?? belowHome(env, '.config');
  return configDir && join(configDir, 'artifacta', 'config.json');
}

function belowHome(env: Environment, ...names: readonly string[]): string | undefined {
  const home = homeIfAny(env);
  return home && join(home, ...names);
}

/**
 * Returns one of the directories of the XDG specification, which says that a variable counts only if it is an absolute
 * path.
 */
export function xdg(name: string, env: Environment): string | undefined {
  const path = fromHome(env[name] ?? '', env);
  return isAbsolute(path) ? path : undefined;
}

/** Returns the data directory by default. @throws SettingError for a user without a directory. */
export function defaultDataDir(env: Environment): string {
  return join(dataHomeOf(env) ?? homeOf(env, '; or give --data-dir or --url'), 'artifacta');
}

/** Returns the directory for data. Undefined for a user without a directory. */
export function dataHomeOf(env: Environment): string | undefined {
  return xdg('XDG_DATA_HOME', env) ?? belowHome(env, '.local', 'share');
}

/**
 * Returns the path of the socket. Sockets cannot have long paths: then it is in a short directory, under a name that
 * the data directory determines.
 */
export function defaultSocket(dataDir: string, env: Environment): string {
  const usual = join(dataDir, 'run', 'sock');
  if (Buffer.byteLength(usual) <= socketPathBytesMax) return usual;
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 32);
  const runtimeDir = xdg('XDG_RUNTIME_DIR', env);
  return runtimeDir !== undefined
    ? join(runtimeDir, 'artifacta', hash)
    : join(tmpdir(), `artifacta-${process.getuid?.() ?? 'user'}`, hash);
}
