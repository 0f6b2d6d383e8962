/** The help texts of the programs that take settings. */
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';

function optionLines(wanted: readonly Setting[]): string[] {
  return wanted.map(({ flag, value, env, default: usual, description }) => {
    const usage = `--${flag}${value === undefined ? '' : ` ${value}`}`;
    return `  ${usage.padEnd(30)} ${description}\n${' '.repeat(33)}${env}; default: ${usual}`;
  });
}

function forReaper(setting: Setting): Setting {
  return { ...setting, description: setting.reapDescription ?? setting.description };
}

const units = 'SECONDS may have a unit, such as 90s or 1.5m. BYTES may have a unit, such as 64KiB or 5GB.';

/** Returns the help for `artifacta serve`. */
export function serveHelp(): string {
  return [
    'Usage: artifacta serve [options]',
    '',
    'Serves the store in the data directory until SIGTERM or SIGINT. Logs go to standard output: as text on a terminal,',
    'else as one JSON object on each line.',
    units,
    '',
    'Options:',
    ...optionLines(Object.values<Setting>(settings).filter(({ serve }) => serve !== false)),
    `  ${'--help'.padEnd(30)} show this help`,
    '',
  ].join('\n');
}

/** Returns the help for `artifacta reap`. */
export function reapHelp(): string {
  return [
    'Usage: artifacta reap [options]',
    '',
    'Asks the service on the socket to free the space of expired and deleted data, to check stored contents and to',
    'export the index. Repeats this until SIGTERM or SIGINT. Expired and deleted artifacts are invisible at once, also',
    'without a reaper; the reaper only frees their space. Logs go to standard output: as text on a terminal, else as one',
    'JSON object on each line.',
    units,
    '',
    'Options:',
    `  ${'--once'.padEnd(30)} make one pass, and exit with 1 if any part of it failed`,
    ...optionLines(
      Object.values<Setting>(settings)
        .filter(({ reap }) => reap === true)
        .map(forReaper),
    ),
    `  ${'--help'.padEnd(30)} show this help`,
    '',
  ].join('\n');
}
