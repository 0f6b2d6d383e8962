import type { Command } from 'commander';
import { parseTime } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import type { Invocation } from '../invocation.ts';
import type { Io } from '../io.ts';
import { LateConnection } from '../late-connection.ts';
import { isSecretFile } from '../running/secrets.ts';

interface McpFlags {
  readonly allowPath?: string[];
  readonly session?: string;
  readonly lease?: string;
  readonly enableShare?: boolean;
  readonly enableDelete?: boolean;
  readonly hooks?: boolean;
  readonly transcripts?: string;
  readonly allowRoots?: boolean;
}

const leaseDefault = '10m';

/** `artifacta mcp`: serves MCP over standard input and output. */
export function addMcp(program: Command, invocation: Invocation): Command {
  return program
    .command('mcp')
    .summary('serve the tools for agents, over standard input and output (MCP)')
    .description(
      'Serves the Model Context Protocol over standard input and output, for the host of an agent that starts this ' +
        'command. Its tools store and find artifacts. A push that names no session goes to the session of this ' +
        'process. The first such push opens that session, with a lease, unless it exists. When the host closes ' +
        'standard input, a session that this command has opened is sealed as succeeded, unless the agent has ' +
        'sealed it already. Tools read and write files only below the directories of --allow-path.',
    )
    .addOption(
      repeated(
        '--allow-path <dir>',
        'a directory whose files the tools may read and write; may be repeated (default: none)',
      ),
    )
    .option(
      '--session <id>',
      'the session of pushes that name none; if it exists, this command does not seal it (default: inside "artifacta run", the session of that run; otherwise a new one)',
    )
    .option(
      '--lease <time>',
      `seal the session as abandoned if this program cannot renew the lease for this long, from 10s to 30d (default: ${leaseDefault})`,
    )
    .option(
      '--enable-share',
      'offer the tools that make and revoke share links; a person is asked before each call takes effect',
    )
    .option(
      '--enable-delete',
      'offer the tool that deletes artifacts; a person is asked before each deletion',
    )
    .option('--allow-roots', 'also allow the directories that the host names as its roots')
    .option(
      '--hooks',
      "offer the tools that the host's hooks call: the session gets the id of the host's, and ends when the host says so",
    )
    .option(
      '--transcripts <dir>',
      'with --hooks: at the end of a run also store its transcript, which the host keeps in this directory (default: none is stored)',
    )
    .action((flags: McpFlags, command: Command) => serve(flags, command, invocation));
}

async function serve(flags: McpFlags, command: Command, invocation: Invocation): Promise<void> {
  const { io, output } = invocation;
  const request = {
    allowedPaths: flags.allowPath ?? [],
    session: flags.session ?? io.outerSession,
    isSessionOfRun: flags.session === undefined && io.outerSession !== undefined,
    leaseMs: parseTime('--lease', flags.lease ?? leaseDefault, { min: '10s', max: '30d' }),
    consented: [
      ...(flags.enableShare ? (['share'] as const) : []),
      ...(flags.enableDelete ? (['delete'] as const) : []),
    ],
    hooks: flags.hooks ?? false,
    transcripts: flags.transcripts ?? filledIn(io.transcripts),
    allowRoots: flags.allowRoots ?? false,
  };
  const { serveOverStdio } = await import('../../mcp/stdio/stdio.ts');
  const connection = new LateConnection(invocation, command);
  io.signal?.addEventListener('abort', () => passOver(io), { once: true });
  try {
    await serveOverStdio(request, {
      input: io.stdin,
      output: io.stdout,
      store: () => connection.client(),
      own: () => connection.way?.ownDirectory,
      isSecret: isSecretFile,
      warn: (message) => output.warning(message),
      signal: io.signal,
      version: io.version ?? 'unknown',
      now: () => io.now?.() ?? new Date(),
      random: io.random ?? Math.random,
    });
  } finally {
    await connection.close();
  }
}

/** Hosts may hand on a setting that the user has left empty as it is written in the manifest: `${user_config.NAME}`. */
function filledIn(value: string | undefined): string | undefined {
  return /^\$\{.*\}$/.test(value ?? '') ? undefined : value;
}

/** Hosts stop a server by several signals, a moment apart: what the first one has begun is not cut off by the second. */
function passOver({ takeSignals }: Io): void {
  const release = takeSignals?.(() => release?.());
}
