/** The origins of the values of settings, and the allowed values. */
import { userInfo } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { type Address, parseAddress } from '../domain/address.ts';
import { parseNamespace } from '../domain/names.ts';
import { parseSize, parseSpan } from '../domain/quantities.ts';
import { type BucketAddress, parseBucketAddress } from '../domain/system/bucket-address.ts';
import { type IndexAddress, parseIndexAddress } from '../domain/system/index-address.ts';
import { type KeptName, type KeptSettings, keptNames } from './kept-file.ts';
import type { Setting } from './setting.ts';
import { type SettingName, settings } from './settings.ts';

/** The error for a setting that cannot be used. Names the setting and the reason. */
export class SettingError extends Error {
  constructor(source: string, reason: string) {
    super(`${source}: ${reason}`);
    this.name = 'SettingError';
  }
}

/** The variables of the environment by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the directory of the user: HOME if it is absolute, else that of the password database.
 *
 * @param instead another way than to name a directory, for the message.
 * @throws SettingError if neither has one.
 */
export function homeOf(env: Environment, instead = ''): string {
  const home = homeIfAny(env);
  if (home !== undefined) return home;
  throw new SettingError(
    'HOME',
    `must name your home directory, because the password database names none for this user${instead}`,
  );
}

/** Returns the same; undefined if neither has one, which matters only to code that needs it. */
export function homeIfAny(env: Environment): string | undefined {
  return env.HOME !== undefined && isAbsolute(env.HOME) ? env.HOME : knownHome();
}

/** Returns the directory by the password database. Users without an entry have none, as in many containers. */
function knownHome(): string | undefined {
  try {
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns a path with the user's directory in place of a leading `~/`, which a shell replaces in some places only. Not
 * yet absolute.
 */
export function fromHome(path: string, env: Environment): string {
  return path === '~' || path.startsWith('~/') ? `${homeOf(env)}${path.slice(1)}` : path;
}

/** The file that keeps settings of the command line, and its content. */
export interface Kept {
  readonly path: string;
  readonly settings: KeptSettings;
}

/** The origins of values: flags, then the environment, then a file. An empty variable counts as absent. */
export class Source {
  readonly env: Environment;
  private readonly given: ReadonlyMap<SettingName, string>;
  private readonly kept: Kept;

  constructor(given: ReadonlyMap<SettingName, string>, env: Environment, kept?: Kept) {
    this.given = given;
    this.env = env;
    this.kept = kept ?? { path: '', settings: new Map() };
  }

  /** Returns the name of the setting in the form in which the user gave it. */
  name(setting: SettingName): string {
    const { flag, env } = settings[setting] as Setting;
    const strength = this.strength(setting);
    if (strength === 1) return `${this.kept.path}: ${flag}`;
    return strength === 3 && flag !== undefined ? `--${flag}` : env;
  }

  /** Returns 3: given with a flag; 2: in the environment; 1: in the file; 0: not at all. */
  strength(setting: SettingName): 0 | 1 | 2 | 3 {
    if (this.given.has(setting)) return 3;
    if (this.env[settings[setting].env]) return 2;
    return this.keptText(setting) === undefined ? 0 : 1;
  }

  text(setting: SettingName): string | undefined {
    const given = this.given.get(setting);
    if (given === '') throw new SettingError(this.name(setting), 'must not be empty');
    return given ?? (this.env[settings[setting].env] || this.keptText(setting));
  }

  /** Returns the path of a file or a directory; absolute. */
  path(setting: SettingName): string | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    // It would be a directory with that name in the working directory, which no user means.
    if (/^~[^/]/.test(text))
      throw new SettingError(
        this.name(setting),
        `must not begin with ${text.split('/')[0]}: write the path in full, or begin it with ~/`,
      );
    return resolve(fromHome(text, this.env));
  }

  private keptText(setting: SettingName): string | undefined {
    const { flag } = settings[setting] as Setting;
    const name = keptNames.find((kept): kept is KeptName => kept === flag);
    return name === undefined ? undefined : this.kept.settings.get(name);
  }

  /**
   * Returns the token without the white space around it. The message of an error does not show it: others could read it
   * there.
   */
  token(setting: SettingName): string | undefined {
    const token = this.text(setting)?.trim();
    if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
    throw new SettingError(
      this.name(setting),
      'must be one token of printable ASCII characters, without spaces',
    );
  }

  namespace(setting: SettingName): string | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    try {
      return parseNamespace(setting, text);
    } catch {
      throw new SettingError(this.name(setting), 'must be 1 to 63 lower-case letters, digits and "-"');
    }
  }

  flag(setting: SettingName): boolean {
    const text = this.text(setting);
    if (text === undefined || text === 'false' || text === '0') return false;
    if (text === 'true' || text === '1') return true;
    throw new SettingError(this.name(setting), `must be true or false, not ${text}`);
  }

  /** Returns bytes: plain, or with a unit such as 5GiB. */
  bytes(setting: SettingName, max: number): number | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const value = parseSize(text);
    if (value === undefined || value > max)
      throw new SettingError(
        this.name(setting),
        `must be a number of bytes from 0 to ${max}, such as 4096 or 64KiB, not ${text}`,
      );
    return value;
  }

  /** Returns milliseconds: from plain seconds, or with a unit such as 90s and 1.5h. */
  milliseconds(setting: SettingName, secondsMax: number): number | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const value = parseSpan(/[0-9]$/.test(text) ? `${text}s` : text);
    if (value === undefined || value > secondsMax * 1_000)
      throw new SettingError(
        this.name(setting),
        `must be from 0 to ${secondsMax} seconds, such as 30 or 1.5m, not ${text}`,
      );
    return value;
  }

  bucket(setting: SettingName): BucketAddress | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const parsed = parseBucketAddress(text);
    if (typeof parsed === 'string') throw new SettingError(this.name(setting), parsed);
    return parsed;
  }

  /** Returns the place of the index. The message of an error does not show it: it may contain a password. */
  database(setting: SettingName): IndexAddress | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const parsed = parseIndexAddress(text);
    if (typeof parsed === 'string') throw new SettingError(this.name(setting), parsed);
    if (parsed.hasPassword && this.given.has(setting))
      throw new SettingError(
        this.name(setting),
        `must not contain a password, which other users of this machine could see; give it in ${settings[setting].env} ` +
          'or PGPASSWORD',
      );
    return parsed;
  }

  address(setting: SettingName): Address | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const address = parseAddress(text);
    if (address === undefined)
      throw new SettingError(
        this.name(setting),
        `must be HOST:PORT, with IPv6 hosts in brackets, not ${text}`,
      );
    return address;
  }

  hosts(setting: SettingName): string[] {
    const hosts = this.list(setting);
    const bad = hosts.find((host) => !/^[A-Za-z0-9._-]+$/.test(host));
    if (bad !== undefined)
      throw new SettingError(this.name(setting), `must be host names without ports, not ${bad}`);
    return hosts;
  }

  /**
   * Returns origins in the form of browsers: a scheme, a host in lower case, and a port if it is not the scheme's own.
   */
  origins(setting: SettingName, allowsAll: boolean): string[] {
    const origins = this.list(setting);
    for (const origin of origins) {
      if (origin === '*' && allowsAll) continue;
      if (origin === '*')
        throw new SettingError(
          this.name(setting),
          '* would let every web site call the service; name the origins, or require authentication with --auth',
        );
      if (!/^https?:/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin)
        throw new SettingError(
          this.name(setting),
          `must be origins such as https://app.example.org, not ${origin}`,
        );
    }
    return origins;
  }

  /** Returns the texts separated by commas; empty ones do not count. */
  private list(setting: SettingName): string[] {
    const texts = (this.text(setting) ?? '').split(',').map((text) => text.trim());
    return texts.filter((text) => text !== '');
  }

  /** Returns the URL of the collector. The message of an error does not show it: it may contain a password. */
  collector(setting: SettingName): string | undefined {
    const text = this.text(setting);
    if (text === undefined || /^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
    throw new SettingError(this.name(setting), 'must be an http:// or https:// URL');
  }

  /** Returns the URL of a web server, without a slash at its end. */
  webRoot(setting: SettingName): string | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
    if (url === null || !/^https?:$/.test(url.protocol) || !isPlain)
      throw new SettingError(
        this.name(setting),
        'must be an http:// or https:// URL without credentials, query or fragment',
      );
    return url.href.replace(/\/+$/, '');
  }

  /** Returns the URL of a service. The message of an error does not show it: it may contain a password. */
  url(setting: SettingName): string | undefined {
    const text = this.text(setting);
    const fault = text === undefined ? undefined : faultOfUrl(text);
    if (fault !== undefined) throw new SettingError(this.name(setting), fault);
    return text?.replace(/^unix:(~.*)$/s, (_all, path: string) => `unix:${fromHome(path, this.env)}`);
  }
}

/** Returns why a service cannot be at a URL. */
function faultOfUrl(text: string): string | undefined {
  const parsed = URL.parse(text);
  if (parsed === null || !/^(grpcs?|https?|unix):$/.test(parsed.protocol))
    return 'must be a grpc://, grpcs://, http://, https:// or unix: URL';
  if (parsed.username !== '' || parsed.password !== '')
    return (
      'must not contain credentials, which other users of this machine could see; --token-file names a file ' +
      'with a token'
    );
  if (parsed.protocol === 'unix:')
    return /^unix:(\/\/\/|\/)?[^/]/.test(text) ? undefined : 'must name the path of a socket, as unix:/PATH';
  if (parsed.hostname === '') return 'must name a host';
  if (parsed.search !== '' || parsed.hash !== '') return 'must end after the host and the port';
  return parsed.pathname === '' || parsed.pathname === '/'
    ? undefined
    : 'must not contain a path; the services are at the root';
}
