/** The settings of the command line with the values in force, and the file that keeps some of them. */
import { UsageError } from '../cli/exit.ts';
import type { ClientSettings, ConnectOptions, ShownSetting } from '../cli/io.ts';
import {
  clientConfigFrom,
  clientSource,
  keptSettingsPath,
  readClientConfig,
  readKeptAlone,
  readKeptSettings,
} from '../settings/config.ts';
import { type KeptName, type KeptSettings, keptNames, writeKept } from '../settings/kept-file.ts';
import type { Setting } from '../settings/setting.ts';
import { type SettingName, settings } from '../settings/settings.ts';
import { SettingError } from '../settings/source.ts';
import { OwnDirectory, requireOutside } from './own-directory.ts';

/** Returns the settings, which are read again at each question: kept values may change meanwhile. */
export function openClientSettings(): ClientSettings {
  const pathOf = () => asUsage(() => keptSettingsPath());
  const read = () => asUsage(() => readKeptSettings().settings);
  const write = async (kept: KeptSettings) => {
    const path = pathOf();
    const { dataDir } = asUsage(() => readClientConfig());
    if (dataDir !== undefined) asUsage(() => requireOutside(new OwnDirectory(dataDir), path));
    await writeKept(path, kept);
  };
  return {
    get path() {
      return pathOf();
    },
    show: (options) => asUsage(() => shown(options)),
    get namespace() {
      return asUsage(() => readClientConfig().namespace);
    },
    async set(name, value) {
      const kept = keptName(name);
      const usable = asUsage(() => checked(kept, value));
      await write(new Map([...read(), [kept, usable]]));
    },
    async unset(name) {
      const before = read();
      if (before.has(keptName(name))) await write(new Map([...before].filter(([one]) => one !== name)));
    },
  };
}

function keptName(name: string): KeptName {
  const kept = keptNames.find((one) => one === name);
  if (kept === undefined) throw new UsageError(`${name}: must be one of ${keptNames.join(', ')}`);
  return kept;
}

/** Returns a value as it is kept: paths from the root, since later commands run elsewhere. @throws SettingError */
function checked(name: KeptName, value: string): string {
  if (value === '') throw new SettingError(name, 'must not be empty; "config unset" removes it');
  const { dataDir, tokenFile, url } = readKeptAlone(name, value);
  const usable = { 'data-dir': dataDir, 'token-file': tokenFile, url, namespace: value };
  return usable[name] ?? value;
}

function shown(options: ConnectOptions): ShownSetting[] {
  const source = clientSource(options);
  const config = clientConfigFrom(source);
  // The values in the order in which they are shown. The other settings are for `serve` alone.
  const values: Partial<Record<SettingName, string | undefined>> = {
    url: config.url,
    token: config.token === undefined ? undefined : 'set',
    tokenFile: config.tokenFile,
    namespace: config.namespace,
    clientTlsCa: config.clientTls.ca,
    clientTlsCert: config.clientTls.cert,
    clientTlsKey: config.clientTls.key,
    dataDir: config.dataDir,
    socket: config.socket,
    lockWaitSeconds: String(config.lockWaitMs / 1_000),
    artifactBytesMax: String(config.artifactBytesMax),
    inlineBytesMax: String(config.inlineBytesMax),
    reserveBytes: config.reserveBytes?.toString(),
    rowCacheBytes: String(config.rowCacheBytes),
    logLevel: config.logLevel,
  };
  return Object.entries(values).map(([key, value]) => {
    const setting = key as SettingName;
    const { flag, env } = settings[setting] as Setting;
    const name =
      flag ??
      env
        .replace(/^ARTIFACTA_/, '')
        .toLowerCase()
        .replaceAll('_', '-');
    if (source.strength(setting) === 0) return { name, value, from: 'default' };
    const from = source.name(setting);
    // Something that is named in a stronger way overrules it.
    return { name, value, from: value === undefined ? `${from}, overruled` : from };
  });
}

function asUsage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof SettingError ? new UsageError(error.message) : error;
  }
}
