/** What the settings say about terminals: the form of log lines there, and how a command in another one gets here. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flagsToReach, logFormOf, readReapConfig, readServeConfig } from '../../src/settings/config.ts';
import { newDirectory } from '../support/command.ts';

const home = { HOME: '/home/me' };

describe('the form of log lines', () => {
  it.each([
    ['auto', false, {}, 'json'],
    ['auto', true, {}, 'colored text'],
    ['auto', true, { NO_COLOR: '1' }, 'text'],
    ['auto', true, { TERM: 'dumb' }, 'text'],
    ['text', false, {}, 'text'],
    ['text', true, {}, 'colored text'],
    ['json', true, {}, 'json'],
    ['json', false, {}, 'json'],
  ] as const)('%s, on a terminal: %s, with %j: %s', (format, isTerminal, env, form) => {
    expect(logFormOf(format, isTerminal, env)).toBe(form);
  });

  it('is one of three, for the service and its sidecar', () => {
    expect(readServeConfig(['--log-format', 'text'], home).logFormat).toBe('text');
    expect(readReapConfig([], { ...home, ARTIFACTA_LOG_FORMAT: 'json' }).logFormat).toBe('json');
    expect(() => readServeConfig(['--log-format', 'xml'], home)).toThrow(
      '--log-format: must be auto, json or text, not xml',
    );
    expect(() => readReapConfig([], { ...home, ARTIFACTA_LOG_FORMAT: 'JSON' })).toThrow(
      'ARTIFACTA_LOG_FORMAT: must be auto, json or text, not JSON',
    );
  });
});

describe('a command for another terminal', () => {
  const reach = (args: readonly string[], env: Record<string, string>) =>
    flagsToReach(readServeConfig(args, env), env);

  it('needs no flags where it finds the service by itself', () => {
    expect(reach([], home)).toEqual([]);
    expect(reach(['--data-dir', '/home/me/.local/share/artifacta'], home)).toEqual([]);
    expect(reach([], { ...home, XDG_DATA_HOME: '/data' })).toEqual([]);
  });

  it('names the directory, or the socket, where it would find another', () => {
    expect(reach(['--data-dir', '/d'], home)).toEqual(['--data-dir', '/d']);
    expect(reach([], { ...home, ARTIFACTA_DATA_DIR: '/d' })).toEqual(['--data-dir', '/d']);
    expect(reach(['--socket', '/s'], home)).toEqual(['--url', 'unix:/s']);
    expect(reach([], { ...home, ARTIFACTA_URL: 'grpc://elsewhere' })).toEqual([
      '--data-dir',
      '/home/me/.local/share/artifacta',
    ]);
  });

  it('names the directory where kept settings lead elsewhere', async () => {
    const directory = await newDirectory();
    const env = { ...home, XDG_CONFIG_HOME: directory };
    await mkdir(join(directory, 'artifacta'));
    await writeFile(join(directory, 'artifacta', 'config.json'), JSON.stringify({ url: 'grpc://elsewhere' }));
    expect(reach([], env)).toEqual(['--data-dir', '/home/me/.local/share/artifacta']);
    expect(reach(['--data-dir', '/d'], env)).toEqual(['--data-dir', '/d']);
  });
});
