/** The manifests of the plugin, by the rules of each host. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathsOfPatch } from '../../src/mcp/tools/patch.ts';
import { openServed } from '../mcp/support.ts';
import { hostKinds, loadPlugin } from './host.ts';
import { faultsIn } from './json-schema.ts';
import { skillFields } from './rules.ts';

const root = resolve(import.meta.dirname, '../..');
const plugin = join(root, 'plugin');
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));

describe('the plugin', () => {
  it.each(hostKinds)('has a manifest for %s, which its rules allow', (kind) => {
    const { name, version, command, args } = loadPlugin(kind, plugin);
    expect({ name, version, command }).toEqual({
      name: 'artifacta',
      version: read('package.json').version,
      command: 'artifacta',
    });
    expect(args).toEqual(expect.arrayContaining(['mcp', '--hooks']));
  });

  it('is described by the closed schemas, which refuse what is not theirs', () => {
    const schema = read('test/plugin/schemas/plugin.schema.json');
    const manifest = read('plugin/plugin.json');
    expect(faultsIn(schema, manifest)).toEqual([]);
    expect(faultsIn(schema, { ...manifest, hooks: {} })).toEqual(['hooks: unknown']);
    expect(faultsIn(schema, { ...manifest, name: 'Artifacta' })).not.toEqual([]);
    const servers = read('test/plugin/schemas/mcp.schema.json');
    const faultsOf = (server: object) =>
      faultsIn(servers, { ...read('plugin/mcp.json'), mcpServers: { server } });
    expect(faultsOf({ type: 'stdio', command: 'x', cwd: './y', env: { A: 'b' } })).toEqual([]);
    for (const server of [
      { command: 'x' },
      { type: 'stdio' },
      { type: 'stdio', command: 'x', cwd: 'y' },
      { type: 'stdio', command: 'x', env_vars: [] },
      { type: 'stdio', command: 'x', env: { PLUGIN_ROOT: 'y' } },
    ])
      expect(faultsOf(server)).not.toEqual([]);
  });

  it('has the skill that the server serves', async () => {
    const directories = readdirSync(join(plugin, 'skills'));
    expect(directories).toEqual(['hand-over-work']);
    const text = readFileSync(join(plugin, 'skills/hand-over-work/SKILL.md'), 'utf8');
    const { agent } = await openServed('2026');
    const { contents } = await agent.client.readResource({ uri: 'skill://hand-over-work/SKILL.md' });
    expect((contents[0] as { text: string }).text).toBe(text);
    const [, start] = /^---\n([\s\S]*?)\n---\n/.exec(text)!;
    const fields = Object.fromEntries(start!.split('\n').map((line) => line.split(/: (.*)/).slice(0, 2)));
    expect(skillFields.parse(fields).name).toBe(directories[0]);
  });

  it('calls tools that the server has, with arguments that they take', async () => {
    const { agent } = await openServed('2026', { hooks: true, allowedPaths: [plugin] });
    const { tools } = await agent.client.listTools();
    for (const kind of ['claude-code', 'codex'] as const) {
      const { hooks, server } = loadPlugin(kind, plugin);
      const handlers = Object.values(hooks).flatMap((groups) => groups!.flatMap(({ hooks: all }) => all));
      expect(handlers.length).toBeGreaterThan(3);
      for (const handler of handlers) {
        expect(handler.server).toBe(server);
        expect(handler.timeout).toBeLessThanOrEqual(30);
        const { inputSchema } = tools.find(({ name }) => name === handler.tool)!;
        expect(Object.keys(inputSchema.properties!)).toEqual(
          expect.arrayContaining(Object.keys(handler.input)),
        );
        expect(Object.keys(handler.input)).toEqual(expect.arrayContaining(inputSchema.required ?? []));
      }
    }
  });

  it('takes less at the end of a run than the 1.5 seconds that Claude Code gives all hooks then', () => {
    const { SessionEnd = [] } = loadPlugin('claude-code', plugin).hooks;
    expect(SessionEnd.flatMap(({ hooks }) => hooks.map(({ timeout }) => timeout))).toEqual([1]);
  });

  it('is listed by a marketplace for each host that installs from one', () => {
    const [claude] = read('.claude-plugin/marketplace.json').plugins;
    const [codex] = read('.agents/plugins/marketplace.json').plugins;
    for (const [name, source] of [
      [claude.name, claude.source],
      [codex.name, codex.source.path],
    ]) {
      expect(name).toBe('artifacta');
      expect(existsSync(join(root, source, 'plugin.json'))).toBe(true);
    }
  });
});

describe('the paths of a patch', () => {
  it.each([
    [
      'files that are added or changed',
      '*** Add File: a.txt\n+x\n*** Update File: b/c.md\n',
      ['a.txt', 'b/c.md'],
    ],
    ['the new path of a file that moves', '*** Update File: a\n*** Move to: b c\n', ['b c']],
    ['no file that is deleted', '*** Delete File: a\n', []],
    ['each once', '*** Update File: a\n*** Update File: a\r\n', ['a']],
    ['nothing that a line only mentions', '+*** Add File: a\n *** Add File: b\n*** Add File:\n', []],
  ])('are %s', (_what, patch, expected) => {
    expect(pathsOfPatch(patch)).toEqual(expected);
  });
});
