import type { Command } from 'commander';
import type { ArtifactaClient } from '../client/client.ts';
import { Link } from '../client/wire/link.ts';
import type { Connection, ConnectOptions, Io } from './io.ts';
import type { Output } from './output/output.ts';

/** The parts that every command works with. */
export interface Invocation {
  readonly io: Io;
  readonly output: Output;
  /** Calls `work` with a client, which is closed afterwards. */
  withClient<T>(command: Command, work: (client: ArtifactaClient, way: Way) => Promise<T>): Promise<T>;
  /** The exit code of the command; 0 unless it sets another one. */
  exitCode: number;
}

/** How the service was reached. */
export type Way = Pick<Connection, 'description' | 'isEmbedded' | 'passes' | 'ownDirectory'>;

interface GlobalFlags extends ConnectOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds the flags that every command takes, before or after its name. */
export function addGlobalFlags(command: Command): Command {
  return command
    .optionsGroup('Global options:')
    .option('--url <url>', 'the service: grpc://HOST:PORT, grpcs://, http://, https:// or unix:/PATH')
    .option(
      '--data-dir <path>',
      'the directory of the store, used instead of ARTIFACTA_URL and of a saved url; ignored with --url',
    )
    .option('--token-file <path>', 'the file with the token that proves who you are')
    .option(
      '--namespace <name>',
      'the namespace to act in; with credentials, only operators may name one other than their own',
    )
    .option('--json', 'print each result as one line of JSON, and each error as one line of JSON on stderr')
    .option('--quiet', 'print only ids, and no notes about what was done');
}

/** Returns the flags from both places; those after the command's name win. */
export function globalFlags(command: Command): GlobalFlags {
  const flags: GlobalFlags[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) flags.unshift(at.opts<GlobalFlags>());
  const { url, dataDir, tokenFile, namespace, json, quiet } = Object.assign({}, ...flags) as GlobalFlags;
  return { url, dataDir, tokenFile, namespace, json: json ?? false, quiet: quiet ?? false };
}

/** Returns the namespace for the command, if the user named one with it or keeps one. */
export async function namespaceFor(command: Command, { io }: Invocation): Promise<string | undefined> {
  return globalFlags(command).namespace ?? (await io.settings?.())?.namespace;
}

/** Returns an invocation that has no client yet, and the exit code 0. */
export function createInvocation(io: Io, output: Output): Invocation {
  return {
    io,
    output,
    exitCode: 0,
    async withClient(command, work) {
      const { url, dataDir, tokenFile, namespace } = globalFlags(command);
      const warned = new Set<string>();
      const warn = (message: string) => {
        if (!warned.has(message)) output.warning(message);
        warned.add(message);
      };
      await using link = await Link.open(() => io.connect({ url, dataDir, tokenFile, namespace }, warn));
      const place = (await link.current).description;
      const endpoint = { transport: link.transport, place, close: async () => {} };
      const retry = { ...io.calls?.retry, beforeRetry: link.renew.bind(link) };
      // Help texts do not need it.
      const { ArtifactaClient } = await import('../client/client.ts');
      return await work(
        new ArtifactaClient(endpoint, { namespace, retry, timeoutMs: io.calls?.timeoutMs }),
        await link.current,
      );
    },
  };
}
