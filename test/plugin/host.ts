/** The hosts of agents that install the plugin, played after their documentation. */
import { readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type * as z from 'zod/v4';
import { faultsIn } from './json-schema.ts';
import { claudeHooks, claudeManifest, claudeServers, codexHooks, codexManifest } from './rules.ts';

/** The hosts: the third is any that reads Agent Plugins 1.0. */
export const hostKinds = ['claude-code', 'codex', 'agent-plugins'] as const;
export type HostKind = (typeof hostKinds)[number];

type Groups = NonNullable<z.output<typeof claudeHooks>['hooks']['Stop']>;
type Handler = Groups[number]['hooks'][number];

/** What a host takes from the plugin. */
interface Plugin {
  readonly name: string;
  readonly version: string | undefined;
  /** The name of the server for hooks. */
  readonly server: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The variables of the host that the server gets. Undefined: all. */
  readonly handedOn: readonly string[] | undefined;
  /** Where the server starts: in the project, or in the plugin. */
  readonly startsIn: 'project' | 'plugin';
  readonly hooks: Readonly<Partial<Record<string, Groups>>>;
}

/** Real hosts are less patient; but a machine that runs tests may be busy with other things, too. */
const patienceMs = 100_000;

/** Where a host runs. */
interface Place {
  readonly plugin: string;
  readonly project: string;
  /** All of the environment of the host. */
  readonly env: Readonly<Record<string, string>>;
  /** What the user has set in Claude Code. */
  readonly userConfig?: Readonly<Record<string, string>>;
}

/** What became of a hook. No error of it stops the agent. */
interface Fired {
  readonly tool: string;
  /** Undefined: it went well. */
  readonly error?: string;
  /** The output, as the host takes it from a hook. */
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;
}

const read = (root: string, path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** Returns a file of Agent Plugins that its published schema allows. */
function readPortable<T>(root: string, path: string): T {
  const schemas = join(import.meta.dirname, 'schemas');
  const value = read(root, path) as never;
  const faults = faultsIn(read(schemas, path.replace('.json', '.schema.json')) as never, value);
  if (faults.length > 0) throw new Error(`${path}: ${faults.join('; ')}`);
  return value;
}

/** Reads what a kind of host reads. @throws for what its rules do not allow. */
export function loadPlugin(kind: HostKind, root: string): Plugin {
  if (kind === 'claude-code') return loadForClaude(root);
  if (kind === 'codex') return loadForCodex(root);
  type Server = { command: string; args?: string[]; env?: Record<string, string> };
  const { name, version } = readPortable<{ name: string; version?: string }>(root, 'plugin.json');
  const { mcpServers } = readPortable<{ mcpServers: Record<string, Server> }>(root, 'mcp.json');
  const [[server, { command, args = [], env = {} }]] = Object.entries(mcpServers) as [[string, Server]];
  return { name, version, server, command, args, env, handedOn: undefined, startsIn: 'plugin', hooks: {} };
}

function loadForClaude(root: string): Plugin {
  const { name, version } = claudeManifest.parse(read(root, '.claude-plugin/plugin.json'));
  const { mcpServers } = claudeServers.parse(read(root, '.mcp.json'));
  const { hooks } = claudeHooks.parse(read(root, 'hooks/hooks.json'));
  const [[key, { command, args = [], env = {} }]] = Object.entries(mcpServers) as [
    [string, (typeof mcpServers)[string]],
  ];
  const server = `plugin:${name}:${key}`;
  return { name, version, server, command, args, env, handedOn: undefined, startsIn: 'project', hooks };
}

function loadForCodex(root: string): Plugin {
  const manifest = codexManifest.parse(read(root, '.codex-plugin/plugin.json'));
  const { name, version, mcpServers = {}, hooks: path = './hooks/hooks.json' } = manifest;
  const { hooks } = codexHooks.parse(read(root, path));
  const [[server, { command, args = [], env = {}, env_vars = [] }]] = Object.entries(mcpServers) as [
    [string, (typeof mcpServers)[string]],
  ];
  const usual = ['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER'];
  return {
    name,
    version,
    server,
    command,
    args,
    env,
    handedOn: [...usual, ...env_vars],
    startsIn: 'project',
    hooks,
  };
}

/** A host with one agent. */
export class PlayedHost implements AsyncDisposable {
  private readonly kind: HostKind;
  private readonly plugin: Plugin;
  private readonly place: Place;
  private client: Client | undefined;
  private closed: Promise<void> = Promise.resolve();
  private pid: number | undefined;

  constructor(kind: HostKind, place: Place) {
    this.kind = kind;
    this.plugin = loadPlugin(kind, place.plugin);
    this.place = place;
  }

  /** Starts the server as the manifest says. Returns the error if that fails; the agent then works without it. */
  async connect(): Promise<unknown> {
    const { plugin, place } = this;
    const { command, args, startsIn } = plugin;
    const env = Object.fromEntries(
      Object.entries(plugin.env).map(([name, value]) => [name, this.expanded(value)]),
    );
    const transport = new StdioClientTransport({
      command,
      args: args.map((arg) => this.expanded(arg)),
      cwd: startsIn === 'project' ? place.project : place.plugin,
      env: { ...this.inherited(), ...env, ...this.provided() },
      stderr: 'ignore',
    });
    const roots = this.kind === 'agent-plugins' ? { roots: {} } : {};
    const client = new Client({ name: this.kind, version: '1.0.0' }, { capabilities: roots });
    if (this.kind === 'agent-plugins')
      client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: `file://${place.project}` }] }));
    const closed = Promise.withResolvers<void>();
    client.onclose = closed.resolve;
    try {
      await client.connect(transport);
    } catch (error) {
      return error;
    }
    this.client = client;
    this.closed = closed.promise;
    this.pid = transport.pid ?? undefined;
    return undefined;
  }

  /** Runs the hooks for what has happened. */
  async fire(input: Readonly<Record<string, unknown>>): Promise<Fired[]> {
    const event = input.hook_event_name as string;
    const groups = this.plugin.hooks[event] ?? [];
    const matching = groups.filter(({ matcher }) => this.matches(matcher, input.tool_name as string));
    const handlers = matching.flatMap(({ hooks }) => hooks);
    return await Promise.all(handlers.map((handler) => this.run(handler, input)));
  }

  /** Calls a tool, as the model does. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const result = await this.client!.callTool({ name, arguments: args });
    if (result.isError) throw new Error(JSON.stringify(result.content));
    return result.structuredContent as Record<string, unknown>;
  }

  /** Ends the server: in order, as Claude Code does by two signals, or by one that no process survives. */
  async quit(how: 'closing' | 'signals' | 'killing'): Promise<void> {
    if (how === 'closing') await this.client?.close();
    else for (const signal of how === 'signals' ? ['SIGINT', 'SIGTERM'] : ['SIGKILL']) this.signal(signal);
    await this.closed;
    this.client = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.client !== undefined) await this.quit('killing');
  }

  private signal(signal: string): void {
    try {
      process.kill(this.pid!, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  private async run({ server, tool, input }: Handler, given: object): Promise<Fired> {
    const nothing = { tool, text: '', data: undefined };
    if (server !== this.plugin.server || this.client === undefined)
      return { ...nothing, error: `${server} is not connected` };
    const args = Object.fromEntries(
      Object.entries(input).map(([name, template]) => [name, filled(template, given)]),
    );
    try {
      const result = await this.client.callTool({ name: tool, arguments: args }, { timeout: patienceMs });
      const text = result.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
      if (result.isError) return { ...nothing, error: text };
      return { tool, text, data: result.structuredContent as Record<string, unknown> };
    } catch (error) {
      return { ...nothing, error: String(error) };
    }
  }

  private matches(matcher: string | undefined, tool: string): boolean {
    if (matcher === undefined) return true;
    if (this.kind === 'claude-code' && /^[\w|]+$/.test(matcher)) return matcher.split('|').includes(tool);
    return new RegExp(matcher).test(tool);
  }

  /** The environment of the server before that of the manifest. */
  private inherited(): Record<string, string> {
    const { handedOn } = this.plugin;
    const all = Object.entries(this.place.env);
    return Object.fromEntries(all.filter(([name]) => handedOn === undefined || handedOn.includes(name)));
  }

  /** The variables that the host sets itself. */
  private provided(): Record<string, string> {
    const root = realpathSync(this.place.plugin);
    const data = resolve(this.place.project, '../plugin-data');
    if (this.kind === 'claude-code')
      return {
        CLAUDE_PLUGIN_ROOT: root,
        CLAUDE_PLUGIN_DATA: data,
        CLAUDE_PROJECT_DIR: this.place.project,
      };
    return this.kind === 'agent-plugins' ? { PLUGIN_ROOT: root, PLUGIN_DATA: data } : {};
  }

  /** A value of a manifest, with what the host fills in. Codex fills in nothing. */
  private expanded(text: string): string {
    const values: Record<string, string> = { ...this.provided() };
    if (this.kind === 'claude-code') {
      const { userConfig = {} } = claudeManifest.parse(read(this.place.plugin, '.claude-plugin/plugin.json'));
      for (const [key, { default: usual }] of Object.entries(userConfig)) {
        const value = this.place.userConfig?.[key] ?? usual;
        if (value !== undefined) values[`user_config.${key}`] = String(value);
      }
    }
    return text.replace(/\$\{([^}]*)\}/g, (whole, name: string) => values[name] ?? whole);
  }
}

/** A template of a hook's input. What is a placeholder alone keeps its type. */
function filled(template: string, given: object): unknown {
  const at = (path: string) =>
    path
      .split('.')
      .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], given);
  const whole = /^\$\{([^}]*)\}$/.exec(template);
  if (whole !== null) return at(whole[1]!) ?? null;
  return template.replace(/\$\{([^}]*)\}/g, (_, path: string) => String(at(path) ?? ''));
}
