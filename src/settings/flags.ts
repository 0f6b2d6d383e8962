import { parseArgs } from 'node:util';
import type { Setting } from './setting.ts';
import { type SettingName, settings } from './settings.ts';
import { SettingError } from './source.ts';

/** Parses the flags. @throws SettingError for a flag that does not exist, or that lacks its value. */
export function flagsOf(args: readonly string[], command: 'serve' | 'reap'): Map<SettingName, string> {
  const names = Object.keys(settings) as SettingName[];
  const withFlag = names.filter((name) => {
    const { serve, reap } = settings[name] as Setting;
    return command === 'serve' ? serve !== false : reap === true;
  });
  const flagOf = (name: SettingName) => (settings[name] as Setting).flag ?? '';
  const takesValue = (name: SettingName) => (settings[name] as Setting).value !== undefined;
  const options = Object.fromEntries(
    withFlag.map((name) => [
      flagOf(name),
      { type: takesValue(name) ? ('string' as const) : ('boolean' as const) },
    ]),
  );
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }));
  } catch (error) {
    throw new SettingError(command, error instanceof Error ? error.message : String(error));
  }
  const given = new Map<SettingName, string>();
  for (const name of withFlag) {
    const value = values[flagOf(name)];
    if (value !== undefined) given.set(name, String(value));
  }
  return given;
}
