/** `artifacta mcp`: the server for one client, over standard input and output. */
import '../without-jit.ts';
import type { Readable, Writable } from 'node:stream';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Store } from '../../client/store.ts';
import type { ConsentedTool } from '../context.ts';
import { makeServer } from '../server.ts';
import { DefaultSession } from './default-session.ts';
import { followRoots } from './host-roots.ts';
import { HostRun } from './host-run.ts';
import { LocalFiles } from './local-files.ts';
import { StdioWire } from './wire.ts';

/** What the command line asks for. */
interface StdioRequest {
  /** Directories that exist. */
  readonly allowedPaths: readonly string[];
  /** The session of pushes that name none. Undefined: a new one. */
  readonly session: string | undefined;
  /** Whether it is the session of the run which this process is a part of. Default false. */
  readonly isSessionOfRun?: boolean;
  readonly leaseMs: number;
  readonly consented: readonly ConsentedTool[];
  /** Whether the tools for the hooks of a host are offered. */
  readonly hooks: boolean;
  /** The directory with the host's transcripts, which exists. Undefined: none is stored. */
  readonly transcripts: string | undefined;
  /** Whether the directories that the host names as its roots are allowed, too. */
  readonly allowRoots: boolean;
}

/** What the process has. */
interface StdioPlace {
  readonly input: Readable;
  readonly output: Writable;
  /** Returns the client. It connects when it is called first. */
  readonly store: () => Promise<Store>;
  /** Returns the data directory, if it is known by now. */
  readonly own: () => { readonly path: string; contains(path: string): boolean } | undefined;
  isSecret(path: string): boolean;
  /** Called with faults that no client gets. */
  readonly warn: (message: string) => void;
  /** Ends the server: the session is left to its lease. */
  readonly signal: AbortSignal | undefined;
  readonly version: string;
  readonly now: () => Date;
  readonly random: () => number;
}

/**
 * Serves until the client closes its end, which ends the sessions of this process in order, or until the signal.
 *
 * @throws CannotWrite for a directory that is not allowed or does not exist.
 */
export async function serveOverStdio(request: StdioRequest, place: StdioPlace): Promise<void> {
  const { store, now, random, version, signal, warn } = place;
  const { session: id, isSessionOfRun: isOfRun, leaseMs, consented } = request;
  const files = await LocalFiles.open(request.allowedPaths, place);
  const session = new DefaultSession({ id, isOfRun, leaseMs, now, random });
  const hostRun = new HostRun({ session, transcripts: await transcriptsOf(request, place), warn });
  const wire = new StdioWire(place.input, place.output);
  const context = {
    store,
    files,
    defaultSession: session,
    consented,
    version,
    now,
    hostRun: request.hooks ? hostRun : undefined,
  };
  const make = () => {
    const server = makeServer(context);
    if (request.allowRoots) followRoots(server.server, files, warn);
    return server;
  };
  const served = serveStdio(make, { transport: wire, onerror: (error) => warn(error.message) });
  const onAbort = () => void served.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const end = await wire.ended;
  signal?.removeEventListener('abort', onAbort);
  await served.close();
  await hostRun.end(end === 'closed');
}

async function transcriptsOf(
  { transcripts }: StdioRequest,
  place: StdioPlace,
): Promise<LocalFiles | undefined> {
  return transcripts === undefined ? undefined : await LocalFiles.open([transcripts], place);
}
